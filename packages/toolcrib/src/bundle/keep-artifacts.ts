import type { Cache } from '../cache/cache.ts';
import type { Digest } from '../core/digest.ts';
import type { Reporter } from '../core/reporter.ts';
import type { OpenedBundle } from './bundle-content.ts';
import { readArtifacts, type ReadArtifact } from './read-bundle.ts';

/**
 * Brings the artifacts of a bundle into the cache, each verified on its way, also one that the cache has already: a
 * damaged bundle is told as such.
 * @returns absolute paths by digest.
 * @throws as `readArtifacts`; RemoteError `STORAGE`; the signal's reason. What came before stays: its digest was right.
 */
export async function keepArtifacts(
  path: string,
  bundle: OpenedBundle,
  cache: Cache,
  { reporter, signal }: { readonly reporter: Reporter; readonly signal?: AbortSignal | undefined },
): Promise<ReadonlyMap<Digest, string>> {
  const kept = new Map<Digest, string>();
  for await (const artifact of readArtifacts(path, bundle, { signal })) {
    const progress = reporter.progress(artifact.file.name, artifact.file.size);
    try {
      const onBytes = (bytes: number) => progress.advance(bytes);
      kept.set(artifact.file.digest, await keepArtifact(path, artifact, cache, onBytes, signal));
    } finally {
      progress.end();
    }
  }
  return kept;
}

async function keepArtifact(
  path: string,
  { file, bytes }: ReadArtifact,
  cache: Cache,
  onBytes: (count: number) => void,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { name, digest, size } = file;
  let read = false;
  const wasRead = () => read;
  const open = () => {
    read = true;
    return bytes;
  };
  const kept = await cache.admit(
    digest,
    { what: `${name} in ${path}`, size, maxBytes: size, open, onBytes },
    { signal },
  );
  if (!wasRead()) for await (const piece of bytes) onBytes(piece.byteLength); // which verifies them
  return kept;
}
