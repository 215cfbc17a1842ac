import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import { verifyReadBack } from '../../../src/inject/read-back.ts';
import { placementTar, verifiedTar } from '../../../src/inject/tree.ts';
import { writeTar, type TarEntry } from '../../../src/tar/write.ts';

type Entry = TarEntry & { readonly bytes?: Uint8Array };

const TREE: readonly Entry[] = [
  { path: 'bin', kind: 'directory', mode: 0o755 },
  { path: 'bin/tool', kind: 'file', mode: 0o700, bytes: Buffer.from('a program') },
  { path: 'note', kind: 'file', mode: 0o600, bytes: Buffer.from('a note') },
  { path: 'way', kind: 'link', mode: 0o777, linkTarget: 'note' },
];

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}

async function artifactOf(entries: readonly Entry[]): Promise<InjectableArtifact> {
  const tar = await collect(writeTar(entries));
  const files = entries.flatMap(({ path, kind, mode, bytes = Buffer.alloc(0) }) =>
    kind === 'file' ? [{ path, mode, size: bytes.byteLength, digest: digestOf(bytes) }] : [],
  );
  const links = entries.flatMap(({ path, kind, linkTarget = '' }) =>
    kind === 'link' ? [{ path, target: linkTarget }] : [],
  );
  return {
    tool: 'tool',
    version: 1,
    target: { arch: 'amd64', libc: 'any' },
    digest: digestOf(tar),
    descriptor: { entrypoint: ['bin/tool'], healthcheck: ['healthcheck'] },
    tar: {
      size: tar.byteLength,
      digest: digestOf(tar),
      files,
      links,
      open: () => one(tar),
      readAt: () => Promise.resolve(tar),
    },
  };
}

const PLACED: readonly Entry[] = [
  { path: 'fresh', kind: 'directory', mode: 0o755 },
  { path: 'fresh/bin', kind: 'directory', mode: 0o755 },
  { path: 'fresh/bin/tool', kind: 'file', mode: 0o755, bytes: Buffer.from('a program') },
  { path: 'fresh/note', kind: 'file', mode: 0o644, bytes: Buffer.from('a note') },
  { path: 'fresh/way', kind: 'link', mode: 0o777, linkTarget: 'note' },
];

async function readBack(entries: readonly Entry[], owner: number | undefined = 0): Promise<void> {
  const artifact = await artifactOf(TREE);
  await verifyReadBack({ artifact, name: 'fresh', tar: writeTar(entries), owner, signal: undefined });
}

function changed(path: string, change: Partial<Entry>): readonly Entry[] {
  return PLACED.map((entry) => (entry.path === path ? { ...entry, ...change } : entry));
}

describe('a tree that was read back', () => {
  test('is what was sent, for any tree', async () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    const file = fc.record({
      mode: fc.constantFrom(0o644, 0o755, 0o400, 0o4711),
      bytes: fc.uint8Array({ maxLength: 2000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(
          fc.tuple(name, name).map(([a, b]) => `${a}_/${b}`),
          file,
        ),
        async (tree) => {
          const files = Object.entries(tree).map(([path, { mode, bytes }]) => ({
            path,
            kind: 'file' as const,
            mode,
            bytes,
          }));
          const artifact = await artifactOf(files);
          const sent = placementTar(
            artifact,
            ['toolcrib', 'fresh'],
            verifiedTar(artifact, undefined, () => undefined),
          );
          const tar = one(await collect(sent));
          // Read back from one directory further up, with its name taken for that of the placement.
          const up = {
            ...artifact,
            tar: { ...artifact.tar, files: artifact.tar.files.map((f) => ({ ...f, path: `fresh/${f.path}` })) },
          };
          if (files.length > 0)
            await verifyReadBack({ artifact: up, name: 'toolcrib', tar, owner: 0, signal: undefined });
        },
      ),
      { numRuns: 50 },
    );
  });

  test('that was not touched passes', async () => {
    await expect(readBack(PLACED)).resolves.toBeUndefined();
  });

  test.each<[string, readonly Entry[]]>([
    ['has digest', changed('fresh/note', { bytes: Buffer.from('A note') })],
    ['does not have 6 bytes', changed('fresh/note', { bytes: Buffer.from('a note and more') })],
    ['does not have 6 bytes', changed('fresh/note', { bytes: Buffer.from('a') })],
    ['has mode 04755', changed('fresh/bin/tool', { mode: 0o4755 })],
    ['has mode 0777', changed('fresh/bin', { mode: 0o777 })],
    ['belongs to uid 1000', changed('fresh/bin', { uid: 1000 })],
    ['"bin/tool" that does not belong', changed('fresh/bin/tool', { kind: 'link', linkTarget: '/bin/sh' })],
    ['"way" that does not belong', changed('fresh/way', { linkTarget: '/etc/passwd' })],
    ['"way" that does not belong', changed('fresh/way', { kind: 'file', bytes: Buffer.from('a note') })],
    ['"note" is missing', PLACED.filter(({ path }) => path !== 'fresh/note')],
    ['"way" is missing', PLACED.filter(({ path }) => path !== 'fresh/way')],
    ['"more" that does not belong', [...PLACED, { path: 'fresh/more', kind: 'file', mode: 0o644 }]],
    ['"empty" that does not belong', [...PLACED, { path: 'fresh/empty', kind: 'directory', mode: 0o755 }]],
    ['is not below fresh', [...PLACED, { path: 'freshly', kind: 'file', mode: 0o644 }]],
    ['is missing', []],
  ])('is refused because it %s', async (reason, entries) => {
    await expect(readBack(entries)).rejects.toMatchObject({
      code: 'NOT_INJECTABLE',
      message: expect.stringContaining(reason) as string,
    });
  });

  test('is refused when it is no tar, or is cut anywhere', async () => {
    const artifact = await artifactOf(TREE);
    const whole = await collect(writeTar(PLACED));
    for (let length = 0; length < whole.byteLength; length += 256) {
      const tar = one(whole.subarray(0, length));
      const reading = verifyReadBack({ artifact, name: 'fresh', tar, owner: 0, signal: undefined });
      await expect(reading, String(length)).rejects.toMatchObject({ code: 'NOT_INJECTABLE' });
    }
  });
});

describe('the tar that is sent', () => {
  test('never ends well when the bytes are not what was pinned', async () => {
    const artifact = await artifactOf(TREE);
    const bytes = await collect(artifact.tar.open());
    for (const at of [600, 1100, 2000, bytes.byteLength - 10]) {
      const wrong = Buffer.from(bytes);
      wrong.writeUInt8(wrong.readUInt8(at) ^ 1, at);
      const lying = { ...artifact, tar: { ...artifact.tar, open: () => one(wrong) } };
      const sent = collect(
        placementTar(
          lying,
          ['fresh'],
          verifiedTar(lying, undefined, () => undefined),
        ),
      );
      await expect(sent, String(at)).rejects.toMatchObject({ name: 'IntegrityError' });
    }
  });

  test('is refused when it holds anything that is not listed', async () => {
    const artifact = await artifactOf(TREE);
    const fewer = { ...artifact, tar: { ...artifact.tar, files: artifact.tar.files.slice(1) } };
    const sent = collect(
      placementTar(
        fewer,
        ['fresh'],
        verifiedTar(fewer, undefined, () => undefined),
      ),
    );
    await expect(sent).rejects.toThrow('holds a file "bin/tool" that is not listed');
  });
});
