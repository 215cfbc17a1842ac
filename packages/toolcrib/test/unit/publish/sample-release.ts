import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatArtifactName } from '../../../src/core/artifact-name.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { parseTarget } from '../../../src/core/target.ts';
import type { PublishRequest } from '../../../src/publish/publish-release.ts';
import type { ReleaseArtifact } from '../../../src/publish/release-artifacts.ts';
import { openDirectoryStore } from '../../../src/stores/directory/directory-store.ts';
import type { Store } from '../../../src/stores/store.ts';

export const TARGETS = [parseTarget('amd64-any'), parseTarget('arm64-any')];

const clock: Clock = { now: () => Date.now(), elapsed: () => performance.now(), sleep: () => Promise.resolve() };

/** A folder of its own, gone at the end of its `await using` scope. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'toolcrib-publish-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export function directoryStore(folder: string, name = 'store'): Store {
  return openDirectoryStore({ kind: 'directory', url: `file:${name}`, directory: name }, { folder, clock });
}

/** What a build of one version left in a folder: two files with bytes of their own. */
export async function buildRelease(
  folder: string,
  { tool = 'tool', version = 1, bytes = 1000 } = {},
): Promise<readonly ReleaseArtifact[]> {
  return await Promise.all(
    TARGETS.map(async (target) => {
      const name = formatArtifactName({ tool, version, target, dev: false });
      const content = randomBytes(bytes);
      const path = join(folder, `${name}-${digestOf(content).slice(7, 19)}`);
      await writeFile(path, content);
      return {
        name,
        target,
        path,
        digest: digestOf(content),
        size: bytes,
        glibcFloor: null,
        mediaType: 'application/octet-stream',
      };
    }),
  );
}

export function requestOf(
  store: Store,
  artifacts: readonly ReleaseArtifact[],
  { tool = 'tool', version = 1, dryRun = false } = {},
): PublishRequest {
  const source = { commit: 'a'.repeat(40), date: '2026-01-02T03:04:05Z' };
  return { tool, version, targets: TARGETS, artifacts, source, store, dryRun, reporter: silentReporter };
}
