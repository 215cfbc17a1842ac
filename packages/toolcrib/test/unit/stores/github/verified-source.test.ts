import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../../src/core/digest.ts';
import { verifiedSource } from '../../../../src/stores/github/verified-source.ts';

const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { minLength: 1, maxLength: 6 });

/** Gives out the same memory again and again, as a reader of a file may. */
async function* reusing(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  const memory = new Uint8Array(50);
  for (const part of parts) {
    memory.set(await Promise.resolve(part));
    yield memory.subarray(0, part.byteLength);
  }
}

async function sent(source: AsyncIterable<Uint8Array>): Promise<{ bytes: Buffer; failure: unknown }> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of source) chunks.push(Uint8Array.from(chunk));
    return { bytes: Buffer.concat(chunks), failure: undefined };
  } catch (failure) {
    return { bytes: Buffer.concat(chunks), failure };
  }
}

describe('a source on its way to GitHub', () => {
  test('arrives as it is when its bytes are those of its digest', () =>
    fc.assert(
      fc.asyncProperty(pieces, async (parts) => {
        const whole = Buffer.concat(parts);
        const source = { size: whole.byteLength, digest: digestOf(whole), open: () => reusing(parts) };
        expect(await sent(verifiedSource('tool-amd64-v1', source).open())).toEqual({
          bytes: whole,
          failure: undefined,
        });
      }),
    ));

  test('never arrives whole when they are others, fewer or more', () =>
    fc.assert(
      fc.asyncProperty(pieces, fc.constantFrom('other', 'fewer', 'more'), async (parts, how) => {
        const whole = Buffer.concat(parts);
        const announced = whole.byteLength + (how === 'fewer' ? 1 : how === 'more' ? -1 : 0);
        const digest = how === 'more' ? digestOf(whole.subarray(0, announced)) : digestOf('something else');
        const source = { size: announced, digest, open: () => reusing(parts) };
        const { bytes, failure } = await sent(verifiedSource('tool-amd64-v1', source).open());
        expect(bytes.byteLength).toBeLessThan(Math.max(announced, 1));
        expect(failure).toMatchObject({ code: how === 'other' ? 'DIGEST_MISMATCH' : 'SIZE_MISMATCH' });
      }),
    ));
});
