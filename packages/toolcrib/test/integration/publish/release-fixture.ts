import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatArtifactName } from '../../../src/core/artifact-name.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { parseStoreReference } from '../../../src/core/reference.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { parseTarget } from '../../../src/core/target.ts';
import type { PublishRequest } from '../../../src/publish/publish-release.ts';
import { openDirectoryStore } from '../../../src/stores/directory/directory-store.ts';
import { openS3Store } from '../../../src/stores/s3/s3-store.ts';
import type { Store } from '../../../src/stores/store.ts';
import { systemClock } from '../../contract/store-clock.ts';
import { s3Options } from '../../contract/store-s3-client.ts';

const TARGETS = ['amd64-any', 'arm64-any', 'amd64-musl'].map(parseTarget);

/** What a publishing process is told. */
export interface Publication {
  /** URL of the store; a directory's path is absolute. */
  readonly store: string;
  readonly folder: string;
  readonly tool: string;
  readonly version: number;
  /** Other seeds, other bytes. */
  readonly seed: string;
  /** Of each artifact. */
  readonly bytes: number;
}

export function openStore(url: string): Store {
  const reference = parseStoreReference(url);
  if (reference.kind === 's3') return openS3Store(reference, s3Options);
  if (reference.kind !== 'directory') throw new Error(`no fixture opens ${url}`);
  return openDirectoryStore(reference, { folder: '/', clock: systemClock });
}

/** Writes the artifacts of a publication, the same for the same seed, and says what is to be published. */
export async function requestOf(publication: Publication, store: Store): Promise<PublishRequest> {
  const { tool, version, folder, seed, bytes } = publication;
  const artifacts = await Promise.all(
    TARGETS.map(async (target) => {
      const name = formatArtifactName({ tool, version, target, dev: false });
      const content = createHash('shake256', { outputLength: bytes }).update(`${seed} ${name}`).digest();
      const path = join(folder, `${name}-${seed}`);
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
  const source = { commit: null, date: null };
  return { tool, version, targets: TARGETS, artifacts, source, store, dryRun: false, reporter: silentReporter };
}
