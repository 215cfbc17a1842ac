import { digestOf } from '../../../src/core/digest.ts';
import { parseTarget } from '../../../src/core/target.ts';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import { writeTar } from '../../../src/tar/write.ts';

const program = Buffer.from('a program');

/**
 * An artifact that is a tree with a program and a link.
 * @param content of the program; the artifact says of another one than the default what it says of that.
 */
export async function artifactOf(content = program): Promise<InjectableArtifact> {
  const pieces: Uint8Array[] = [];
  const entries = [
    { path: 'bin', kind: 'directory', mode: 0o755 },
    { path: 'bin/tool', kind: 'file', mode: 0o755, bytes: content },
    { path: 'latest', kind: 'link', mode: 0o777, linkTarget: 'bin/tool' },
  ] as const;
  for await (const piece of writeTar(entries)) pieces.push(piece);
  const tar = Buffer.concat(pieces);
  return {
    tool: 'tool',
    version: 1,
    target: parseTarget('amd64-any'),
    digest: digestOf(tar),
    descriptor: { entrypoint: ['bin/tool'], healthcheck: ['healthcheck'] },
    tar: {
      size: tar.byteLength,
      digest: digestOf(tar),
      files: [{ path: 'bin/tool', mode: 0o755, size: program.byteLength, digest: digestOf(program) }],
      links: [{ path: 'latest', target: 'bin/tool' }],
      open: async function* () {
        await Promise.resolve();
        yield tar;
      },
      readAt: (offset, length) => Promise.resolve(tar.subarray(offset, offset + length)),
    },
  };
}
