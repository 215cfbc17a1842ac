import { expect, test } from 'vitest';
import type { UnpackedArtifact } from '../../../src/cache/cache.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { IntegrityError } from '../../../src/core/errors.ts';
import { holdTar } from '../../../src/flows/held-tar.ts';

const tar = Buffer.alloc(3 * 1024 * 1024 + 5, 'tar');

/** A tar that counts how often it is read. */
function countedTar(read: () => AsyncIterable<Uint8Array>) {
  const counts = { verified: 0, unverified: 0 };
  const unpacked: UnpackedArtifact = {
    tarDigest: digestOf(tar),
    tarSize: tar.byteLength,
    entries: [],
    descriptor: null,
    bare: false,
    open: () => {
      counts.verified += 1;
      return read();
    },
    openUnverified: () => {
      counts.unverified += 1;
      return read();
    },
    readAt: () => Promise.resolve(tar),
    discard: () => Promise.resolve(),
  };
  return { counts, unpacked };
}

async function* inPieces(): AsyncGenerator<Uint8Array> {
  yield tar.subarray(0, 70_000);
  await Promise.resolve();
  yield tar.subarray(70_000);
}

async function wholeOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

test('a tar for many sandboxes is read and verified once, when the first is served', async () => {
  const { counts, unpacked } = countedTar(inPieces);
  const held = holdTar(unpacked, undefined);
  expect(counts.verified).toBe(0);
  const [first, second] = await Promise.all([wholeOf(held.openUnverified()), wholeOf(held.openUnverified())]);
  expect(first.equals(tar) && second.equals(tar)).toBe(true);
  expect(held.isVerified).toBe(true);
  expect(counts).toEqual({ verified: 1, unverified: 0 });
});

test('a tar with other bytes than it should have is handed to nobody', async () => {
  const { unpacked } = countedTar(async function* () {
    yield* inPieces();
    await Promise.resolve();
    throw new IntegrityError('DIGEST_MISMATCH', 'it was changed');
  });
  const held = holdTar(unpacked, undefined);
  await expect(held.openUnverified()[Symbol.asyncIterator]().next()).rejects.toThrow('it was changed');
});

test('a tar that is too large for memory is read for each, and hashed on its way', async () => {
  const { counts, unpacked } = countedTar(inPieces);
  const held = holdTar(unpacked, undefined, tar.byteLength - 1);
  await wholeOf(held.openUnverified());
  expect(held.isVerified).toBe(undefined);
  expect(counts).toEqual({ verified: 0, unverified: 1 });
});
