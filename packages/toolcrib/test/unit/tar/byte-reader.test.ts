import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createByteReader } from '../../../src/tar/byte-reader.ts';

/** Pieces whose memory is gone when the next one is asked for. */
async function* fleeting(sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    const piece = Uint8Array.from({ length: size }, () => at++ % 251);
    await Promise.resolve();
    yield piece;
    piece.fill(255);
  }
}

test('what is read by counts is right, also from pieces that are gone when the next one comes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 10 }),
      async (sizes, counts) => {
        const reader = createByteReader(fleeting(sizes));
        const total = sizes.reduce((sum, size) => sum + size, 0);
        let at = 0;
        for (const count of counts) {
          const length = Math.min(count, total - at);
          expect([...(await reader.read(count))]).toEqual(Array.from({ length }, (_, index) => (at + index) % 251));
          at += length;
        }
        await reader.close();
      },
    ),
  );
});
