import type { Notice } from '../../../src/core/reporter.ts';
import { createHost, type Host } from '../../../src/flows/host.ts';

/** A host in a directory, which keeps what it is told. */
export function recordingHost(cwd: string, env: Host['env'], notices: Notice[]): Host {
  const reporter = {
    notice: (notice: Notice) => void notices.push(notice),
    progress: () => ({ advance: () => undefined, end: () => undefined }),
  };
  return createHost({ env, cwd, reporter });
}
