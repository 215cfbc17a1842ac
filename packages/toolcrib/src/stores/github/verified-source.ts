import { createDigester, verifyExpected } from '../../core/digest.ts';
import type { ByteSource } from '../store.ts';

/**
 * A source that breaks off before its end when its bytes are not those of its digest: GitHub takes whatever comes, so
 * the last piece is held back until the digest matched.
 * @param name of the file, for messages.
 */
export function verifiedSource(name: string, source: ByteSource): ByteSource {
  return { ...source, open: () => holdingBack(name, source) };
}

async function* holdingBack(name: string, source: ByteSource): AsyncGenerator<Uint8Array> {
  const digester = createDigester();
  let held: Uint8Array | undefined;
  for await (const piece of source.open()) {
    digester.update(piece);
    if (digester.size > source.size) break;
    if (held !== undefined) yield held;
    // A piece is ours only until the next one is asked for.
    held = Uint8Array.from(piece);
  }
  const { size } = digester;
  verifyExpected(name, source, { size, digest: digester.finish() });
  if (held !== undefined) yield held;
}
