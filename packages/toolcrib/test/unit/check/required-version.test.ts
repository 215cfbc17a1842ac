import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findRequiredVersion, isTaken, type Claim, type StoreClaim } from '../../../src/check/required-version.ts';
import { digestOf } from '../../../src/core/digest.ts';
import type { Sums } from '../../../src/core/sums.ts';
import { failureOfAsync } from '../core/failure.ts';

const sumsOf = (seed: string): Sums => new Map([['tool-amd64-v1', digestOf(Buffer.from(seed))]]);
const OURS = sumsOf('ours');
const CLAIMS: Readonly<Record<string, Claim>> = {
  free: { kind: 'free' },
  ours: { kind: 'held', sums: OURS },
  theirs: { kind: 'held', sums: sumsOf('theirs') },
  damaged: { kind: 'damaged', why: 'no sums' },
  unknown: { kind: 'unknown', why: 'no answer' },
};
const claim = fc.constantFrom(...Object.values(CLAIMS));
/** What each of two stores says of the versions after the base's; of later ones, that they are free. */
const history = fc.array(fc.tuple(claim, claim), { maxLength: 20 });
const asked =
  (above: number, claims: readonly (readonly Claim[])[]) =>
  (version: number): Promise<readonly StoreClaim[]> =>
    Promise.resolve((claims[version - above - 1] ?? []).map((each, index) => ({ store: `s${index}`, claim: each })));

describe('the version that a change has to have', () => {
  test('is the lowest above the base that no store holds with other digests', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 1000 }), history, fc.boolean(), async (above, claims, pinned) => {
        const ours = pinned ? OURS : undefined;
        const required = await findRequiredVersion(above, () => ours, asked(above, claims));
        const isFree = (version: number): boolean =>
          (claims[version - above - 1] ?? []).every((each) => !isTaken(each, ours));
        const lower = Array.from({ length: required.version - above - 1 }, (_, at) => above + 1 + at);
        expect(isFree(required.version)).toBe(true);
        expect(lower.filter(isFree)).toEqual([]);
        expect(required.taken.map(({ version }) => version)).toEqual(lower);
      }),
    );
  });

  test('is the base and one without stores', async () => {
    const required = await findRequiredVersion(
      27,
      () => undefined,
      () => Promise.resolve([]),
    );
    expect(required).toEqual({ version: 28, taken: [], unasked: [] });
  });

  test('names the stores that did not answer, for one of them may hold it', async () => {
    const claims = [{ store: 's', claim: { kind: 'unknown', why: 'no answer' } }] as const;
    const required = await findRequiredVersion(
      27,
      () => undefined,
      () => Promise.resolve(claims),
    );
    expect(required).toMatchObject({ version: 28, unasked: ['s'] });
  });

  test('is not looked for without an end', async () => {
    const claims = [{ store: 's', claim: { kind: 'damaged', why: '' } }] as const;
    const failure = await failureOfAsync(() =>
      findRequiredVersion(
        1,
        () => undefined,
        () => Promise.resolve(claims),
      ),
    );
    expect(failure.code).toBe('CHECK_FAILED');
    expect(failure.message).toContain('v2 to v101');
  });
});
