import { readdir, readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { receiveFile } from '../../../src/disk/receive-file.ts';
import { bytesOf, createScratch, inPieces } from './scratch.ts';

const MAX = 10_000_000;

test('bytes arrive whole, with their digest and size, however they are cut', async () => {
  await using scratch = await createScratch();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 5000 }), { maxLength: 20 }), async (pieces) => {
      const bytes = Buffer.concat(pieces);
      const received = await receiveFile({
        directory: scratch.path,
        bytes: (async function* () {
          for (const piece of pieces) yield await Promise.resolve(piece);
        })(),
        expected: { digest: digestOf(bytes), size: bytes.length },
        maxBytes: MAX,
        what: 'bytes',
      });
      expect(received).toMatchObject({ digest: digestOf(bytes), size: bytes.length });
      expect(await readFile(received.path)).toEqual(bytes);
    }),
    { numRuns: 30 },
  );
});

test('more than one block arrives whole', async () => {
  await using scratch = await createScratch();
  const bytes = bytesOf(2_500_001);
  const { path, digest } = await receiveFile({
    directory: scratch.path,
    bytes: inPieces(bytes, 700_001),
    maxBytes: MAX,
    what: 'bytes',
  });
  expect(digest).toBe(digestOf(bytes));
  expect((await readFile(path)).equals(bytes)).toBe(true);
});

test('a producer that changes a piece after handing it over changes neither file nor digest', async () => {
  await using scratch = await createScratch();
  const { path, digest } = await receiveFile({
    directory: scratch.path,
    bytes: (async function* () {
      const piece = Buffer.from('right');
      yield await Promise.resolve(piece);
      piece.fill('x');
      yield piece;
    })(),
    maxBytes: MAX,
    what: 'bytes',
  });
  expect(await readFile(path, 'utf8')).toBe('rightxxxxx');
  expect(digest).toBe(digestOf('rightxxxxx'));
});

const right = bytesOf(100_000);
const expected = { digest: digestOf(right), size: right.length };

test.each([
  ['truncated bytes', right.subarray(0, -1), expected, MAX, 'SIZE_MISMATCH'],
  ['truncated bytes of unknown size', right.subarray(0, -1), { digest: expected.digest }, MAX, 'DIGEST_MISMATCH'],
  ['other bytes of the same size', bytesOf(100_000, 2), expected, MAX, 'DIGEST_MISMATCH'],
  ['more bytes than expected', bytesOf(100_001), expected, MAX, 'SIZE_MISMATCH'],
  ['more bytes than allowed', right, { digest: expected.digest }, 99_999, 'TOO_LARGE'],
])('%s are refused, and nothing of them is left', async (_name, bytes, wanted, maxBytes, code) => {
  await using scratch = await createScratch();
  let ended = false;
  const receiving = receiveFile({
    directory: scratch.path,
    bytes: (async function* () {
      try {
        yield* inPieces(bytes);
      } finally {
        ended = true;
      }
    })(),
    expected: wanted,
    maxBytes,
    what: 'the artifact',
  });
  await expect(receiving).rejects.toMatchObject({ code, message: expect.stringContaining('the artifact') as string });
  expect(await readdir(scratch.path)).toEqual([]);
  expect(ended).toBe(true);
});

test('a source that fails leaves nothing, and its error is told as it is', async () => {
  await using scratch = await createScratch();
  const failure = new Error('the line is dead');
  const receiving = receiveFile({
    directory: scratch.path,
    bytes: (async function* () {
      yield* inPieces(right);
      await Promise.reject(failure);
    })(),
    maxBytes: MAX,
    what: 'bytes',
  });
  await expect(receiving).rejects.toBe(failure);
  expect(await readdir(scratch.path)).toEqual([]);
});

test('an abort ends a download that hangs, and nothing is left', async () => {
  await using scratch = await createScratch();
  const controller = new AbortController();
  const receiving = receiveFile({
    directory: scratch.path,
    bytes: (async function* () {
      yield right;
      await new Promise(() => undefined);
    })(),
    onBytes: () => void setTimeout(() => controller.abort(new Error('enough')), 10),
    maxBytes: MAX,
    what: 'bytes',
    signal: controller.signal,
  });
  await expect(receiving).rejects.toThrow('enough');
  expect(await readdir(scratch.path)).toEqual([]);
});

test('a directory that is not there is a storage error that names it', async () => {
  await using scratch = await createScratch();
  const directory = `${scratch.path}/none`;
  const receiving = receiveFile({ directory, bytes: inPieces(right), maxBytes: MAX, what: 'bytes' });
  await expect(receiving).rejects.toMatchObject({ code: 'STORAGE', details: { path: directory, system: 'ENOENT' } });
});

test('what is too much by its sender’s word is refused with its first piece, and the sender is stopped', async () => {
  await using scratch = await createScratch();
  const log: string[] = [];
  const endless = async function* () {
    try {
      for (;;) {
        log.push('sent');
        yield await Promise.resolve(Buffer.from('piece'));
      }
    } finally {
      log.push('stopped');
    }
  };
  const options = { directory: scratch.path, maxBytes: MAX, what: 'bytes' };
  const expected = { digest: digestOf('piece'), size: 5 };
  for (const [announced, more, code] of [
    [MAX + 1, {}, 'TOO_LARGE'],
    [6, { expected }, 'SIZE_MISMATCH'],
  ] as const) {
    await expect(receiveFile({ ...options, ...more, announced, bytes: endless() })).rejects.toMatchObject({ code });
    expect(log.splice(0)).toEqual(['sent', 'stopped']);
  }
  expect(await readdir(scratch.path)).toEqual([]);
});
