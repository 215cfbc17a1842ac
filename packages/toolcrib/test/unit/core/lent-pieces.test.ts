import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lending, lentPieces } from '../../../src/core/lent-pieces.ts';

/** Pieces that all have the same memory. */
async function* fromOneBuffer(values: readonly number[], ended: () => void = () => undefined) {
  const buffer = new Uint8Array(1);
  try {
    for (const value of values) {
      buffer[0] = value;
      yield await Promise.resolve(buffer);
    }
  } finally {
    ended();
  }
}

test('whoever just iterates gets pieces to keep, however the memory behind them is used', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(255)), async (values) => {
      const kept: Uint8Array[] = [];
      for await (const piece of lending(fromOneBuffer(values))) kept.push(piece);
      expect(kept.map(([value]) => value)).toEqual(values);
    }),
  );
});

test('whoever borrows gets the memory itself, each piece until the next is asked for', async () => {
  const [seen, pieces]: [number[], Set<Uint8Array>] = [[], new Set()];
  for await (const piece of lentPieces(lending(fromOneBuffer([1, 2, 3])))) {
    seen.push(piece[0] ?? 0);
    pieces.add(piece);
  }
  expect([seen, pieces.size]).toEqual([[1, 2, 3], 1]);
});

test('bytes that lend nothing are handed over as they are', () => {
  const bytes = fromOneBuffer([1]);
  expect(lentPieces(bytes)).toBe(bytes);
});

test('a reader that stops early ends what it reads, also before it began', async () => {
  let ends = 0;
  const bytes = () => lending(fromOneBuffer([1, 2, 3], () => (ends += 1)));
  for await (const _ of bytes()) break;
  for await (const _ of lentPieces(bytes())) break;
  expect(ends).toBe(2);
  let returned = 0;
  const lent = {
    [Symbol.asyncIterator]: () => ({
      ...fromOneBuffer([]),
      return: () => Promise.resolve({ done: true, value: void (returned += 1) } as const),
      next: () => Promise.reject(new Error('not asked')),
    }),
  };
  await lending(lent)[Symbol.asyncIterator]().return?.();
  expect(returned).toBe(1);
});
