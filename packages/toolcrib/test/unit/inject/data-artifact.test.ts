import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isToolName } from '../../../src/core/artifact-name.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { dataArtifact, dataName } from '../../../src/inject/data-artifact.ts';
import { readTar } from '../../../src/tar/read.ts';
import { allBytes } from '../disk/scratch.ts';

test('whatever has a name gets that of a tool, and no two the same', () => {
  const name = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z]{1,4}(?:[.-][a-z]{1,3}){0,2}$/));
  fc.assert(
    fc.property(name, name, (one, other) => {
      expect(isToolName(dataName('ext', one))).toBe(true);
      expect(dataName('ext', one) === dataName('ext', other)).toBe(one === other);
    }),
  );
  expect(dataName('ext', 'acme.http')).toMatch(/^ext-acme-http-[0-9a-f]{8}$/);
});

test('a file becomes an artifact of that file alone', async () => {
  const bytes = Buffer.from('what a component has');
  const { tar, isData } = await dataArtifact({ tool: 'ext-a', name: 'component.wasm', bytes, digest: digestOf(bytes) });
  const whole = await allBytes(tar.open());
  expect([isData, tar.size, tar.digest]).toEqual([true, whole.byteLength, digestOf(whole)]);
  expect(Buffer.from(await tar.readAt(512, bytes.byteLength)).equals(bytes)).toBe(true);
  const members = [];
  const limits = { maxEntries: 2, maxEntryBytes: 100, maxTotalBytes: 100 };
  for await (const member of readTar(tar.open(), limits, 'it')) {
    members.push({ path: member.path, mode: member.mode, bytes: await allBytes(member.bytes) });
  }
  expect(members).toEqual([{ path: 'component.wasm', mode: 0o644, bytes }]);
});
