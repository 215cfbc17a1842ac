import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideBuild, type BuildFacts } from '../../../src/check/decide-build.ts';
import type { Freshness } from '../../../src/check/judge-sums.ts';

const written = (kind: 'current' | 'together' | 'stale'): Freshness => ({ kind, commit: 'sums', parent: 'sources' });
const facts = (given: Partial<BuildFacts>): BuildFacts => ({
  version: 28,
  changed: true,
  versionIsRight: true,
  sumsAreRight: false,
  storesHoldIt: false,
  freshness: { kind: 'none' },
  ...given,
});

describe('CI', () => {
  test.each<[string, boolean, Partial<BuildFacts>, RegExp]>([
    ['does not build when nothing that ships changed', false, { changed: false }, /nothing that ships changed/],
    ['does not build a version that is wrong', false, { versionIsRight: false }, /version has to be put right/],
    ['builds what is not pinned', true, {}, /v28 is not pinned yet/],
    [
      'does not build what every store holds',
      false,
      { sumsAreRight: true, storesHoldIt: true, freshness: written('together') },
      /every store holds v28/,
    ],
    [
      'does not build again after a push that only commits the sums',
      false,
      { sumsAreRight: true, freshness: written('current') },
      /commit sums only pinned what was built of sources/,
    ],
    ['builds when sources changed after that', true, { freshness: written('stale') }, /changed after v28 was pinned/],
    [
      'builds what came in one commit with its sums',
      true,
      { sumsAreRight: true, freshness: written('together') },
      /pinned in one commit with its sources/,
    ],
    [
      'builds what is pinned in the work tree only',
      true,
      { sumsAreRight: true, freshness: { kind: 'uncommitted' } },
      /not in every store/,
    ],
  ])('%s', (_, needed, given, reason) => {
    const decision = decideBuild(facts(given));
    expect(decision).toMatchObject({ needed, reason: expect.stringMatching(reason) as unknown });
  });

  test('names the commit whose build the sums are of, and only then', () => {
    const kinds = fc.constantFrom<Freshness>(
      { kind: 'none' },
      written('current'),
      written('together'),
      written('stale'),
    );
    const flag = fc.boolean();
    fc.assert(
      fc.property(flag, flag, flag, flag, kinds, (...given) => {
        const [changed, versionIsRight, sumsAreRight, storesHoldIt, freshness] = given;
        const all = { version: 1, changed, versionIsRight, sumsAreRight, storesHoldIt, freshness };
        const { needed, builtCommit } = decideBuild(all);
        if (needed) expect(changed && versionIsRight).toBe(true);
        if (builtCommit === null) return;
        expect({ needed, sumsAreRight, kind: freshness.kind }).toEqual({
          needed: false,
          sumsAreRight: true,
          kind: 'current',
        });
        expect(builtCommit).toBe('sources');
      }),
    );
  });
});
