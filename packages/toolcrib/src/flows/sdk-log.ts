import { dirname, resolve } from 'node:path';
import { createTemporary, discardTemporary } from '../disk/temporary.ts';
import { agentShimEnvironment, findAgentShim } from '../run/ingest/agent-shim.ts';
import type { RunLogs } from '../run/ingest-logs.ts';
import type { RunSpec } from '../run/run-spec.ts';
import type { Host } from './host.ts';

/** Where the SDK of a run writes, and how it finds that. */
export interface PreparedSdkLog {
  /** The spec with the variables that the command needs for it. */
  readonly spec: RunSpec;
  readonly log: RunLogs['sdk'];
  /** Removes what was made for it. */
  discard(): Promise<void>;
}

/**
 * Prepares a log for the SDK that the spec names, and lets every Node of the command load the shim that writes it.
 * @param named the file that the user named; else one is made beside the archive, and goes with the run.
 * @param output absolute path of the archive.
 * @throws NotFoundError `NOT_FOUND` when the shim is not there; RemoteError `STORAGE`.
 */
export async function prepareSdkLog(
  host: Host,
  spec: RunSpec,
  { named, output }: { readonly named: string | undefined; readonly output: string },
): Promise<PreparedSdkLog> {
  if (spec.agent_shim === 'none') return { spec, log: undefined, discard: () => Promise.resolve() };
  const shimPath = findAgentShim(spec.agent_shim);
  const path = named === undefined ? await createLog(dirname(output)) : resolve(host.cwd, named);
  const nodeOptions = spec.env['NODE_OPTIONS'] ?? host.env['NODE_OPTIONS'];
  const shim = agentShimEnvironment({ runId: spec.run_id, logPath: path, shimPath, nodeOptions });
  return {
    spec: { ...spec, env: { ...spec.env, ...shim } },
    log: { path, mayBeEmpty: named === undefined },
    discard: () => (named === undefined ? discardTemporary(path) : Promise.resolve()),
  };
}

/** Beside the archive: what a recorder that was killed leaves there, the next one removes. */
async function createLog(directory: string): Promise<string> {
  const { path, handle } = await createTemporary(directory, 0o600);
  await handle.close();
  return path;
}
