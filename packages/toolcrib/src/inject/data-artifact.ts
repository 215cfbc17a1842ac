import { createDigester, digestHex, digestOf, type Digest } from '../core/digest.ts';
import { writeTar } from '../tar/write.ts';
import type { InjectableArtifact } from './artifact.ts';

/** A file that is no program. */
export interface DataFile {
  /** What its directory begins with; the name of a tool. */
  readonly tool: string;
  /** In the directory. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Of the bytes. */
  readonly digest: Digest;
}

/** It has no versions of its own: its directory is told apart by its digest. */
const VERSION = 1;
const MODE = 0o644;

/** A file as an artifact whose only member it is, in memory. */
export async function dataArtifact({ tool, name, bytes, digest }: DataFile): Promise<InjectableArtifact> {
  const pieces: Uint8Array[] = [];
  const digester = createDigester();
  for await (const piece of writeTar([{ path: name, kind: 'file', mode: MODE, bytes }])) {
    digester.update(piece);
    pieces.push(piece);
  }
  const tar = Buffer.concat(pieces);
  return {
    tool,
    version: VERSION,
    target: { arch: 'amd64', libc: 'any' },
    // Of whose it is, too: who takes his away takes nobody else's, which has the same bytes.
    digest: digestOf(JSON.stringify([tool, name, digest])),
    isData: true,
    descriptor: { entrypoint: [], healthcheck: [] },
    tar: {
      size: tar.byteLength,
      digest: digester.finish(),
      files: [{ path: name, digest, mode: MODE, size: bytes.byteLength }],
      isVerified: true,
      async *open() {
        yield await Promise.resolve(tar);
      },
      readAt: (offset, length) => Promise.resolve(tar.subarray(offset, offset + length)),
    },
  };
}

/**
 * A name of a tool for whatever has a name of its own: what tools' names may not have becomes a dash, and no two names
 * become the same.
 */
export function dataName(prefix: string, name: string): string {
  const words = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 40);
  const mark = digestHex(digestOf(name)).slice(0, 8);
  return [prefix, words.replace(/-$/, ''), mark].filter((part) => part !== '').join('-');
}
