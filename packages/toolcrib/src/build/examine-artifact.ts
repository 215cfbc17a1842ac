import { stat } from 'node:fs/promises';
import { formatArtifactName, type ArtifactName } from '../core/artifact-name.ts';
import type { Digest } from '../core/digest.ts';
import { isSystemError, NotFoundError } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import { digestFile } from '../disk/digest-file.ts';
import { checkOutput } from './check-output.ts';

/** An artifact that was checked. */
export interface BuiltArtifact {
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly target: Target;
  /** Highest glibc version that it needs of the sandbox; null when it needs none. */
  readonly glibcFloor: string | null;
  readonly mediaType: string;
}

/** Of a bare executable and of a tree. */
export const MEDIA_TYPES = { elf: 'application/x-executable', tree: 'application/gzip' } as const;

/**
 * Checks a file that is to be an artifact, and measures it.
 * @param entrypoint of the configuration, for trees without a descriptor.
 * @throws NotFoundError `NOT_FOUND`; as `checkOutput`.
 */
export async function examineArtifact(
  path: string,
  artifact: ArtifactName,
  entrypoint: readonly string[],
  signal: AbortSignal | undefined,
): Promise<BuiltArtifact> {
  const name = formatArtifactName(artifact);
  await verifyIsThere(path, name);
  const { glibcFloor, kind } = await checkOutput(path, artifact, entrypoint);
  const measured = await digestFile(path, { signal });
  return { name, path, ...measured, target: artifact.target, glibcFloor, mediaType: MEDIA_TYPES[kind] };
}

async function verifyIsThere(path: string, name: string): Promise<void> {
  try {
    await stat(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new NotFoundError('NOT_FOUND', `${name} was not built: there is no ${path}`, {
      hint: '"toolcrib build" makes it',
      details: { path },
    });
  }
}
