import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chooseVictims,
  heavyBytes,
  isHeavy,
  isProtected,
  type CollectionLimits,
} from '../../../src/cache/choose-victims.ts';
import type { CachedItem } from '../../../src/cache/contents.ts';
import { USE_TIMES } from '../../../src/cache/last-use.ts';
import { digestOf } from '../../../src/core/digest.ts';

const now = Date.UTC(2026, 10, 21);
const HOUR = 3600 * 1000;
const { graceMs } = USE_TIMES;
const kinds = ['artifact', 'unpacked', 'attestations', 'placement', 'pack', 'pointer'] as const;

const item = fc
  .record({
    kind: fc.constantFrom(...kinds),
    of: fc.nat(4),
    size: fc.nat(1000),
    age: fc.oneof(fc.integer({ min: -3, max: 100 * HOUR }), fc.constantFrom(0, graceMs - 1, graceMs, 10 * HOUR)),
    leased: fc.boolean(),
  })
  .map(({ kind, of, size, age, leased }): CachedItem => {
    const path = `/cache/${kind}/${of}`;
    return {
      kind,
      digest: digestOf(String(of)),
      path,
      size,
      lastUsedAt: now - age,
      leased: kind !== 'placement' && leased,
    };
  });
const items = fc.uniqueArray(item, { maxLength: 20, selector: ({ path }) => path });
const limits = fc.record(
  { maxBytes: fc.nat(8000), maxAgeMs: fc.nat(100 * HOUR) },
  { requiredKeys: [] },
) satisfies fc.Arbitrary<CollectionLimits>;

function chosen(of: readonly CachedItem[], by: CollectionLimits) {
  const victims = chooseVictims(of, by, now);
  const gone = victims.map((victim) => victim.item);
  return { victims, gone, stays: of.filter((each) => !gone.includes(each)) };
}

function property(holds: (of: CachedItem[], by: CollectionLimits) => void): void {
  fc.assert(fc.property(items, limits, holds), { numRuns: 500 });
}

const ageIn = ({ lastUsedAt }: CachedItem) => Math.abs(now - lastUsedAt);

describe('what a collection takes away', () => {
  test('is never leased, and was not used within the hour', () => {
    property((of, by) => {
      for (const { leased, lastUsedAt } of chosen(of, by).gone) {
        expect(leased).toBe(false);
        expect(Math.abs(now - lastUsedAt)).toBeGreaterThanOrEqual(graceMs);
      }
    });
  });

  test('leaves no more than the cap, but for what is leased or was just used', () => {
    property((of, by) => {
      const { stays } = chosen(of, by);
      const { maxBytes = Infinity } = by;
      if (heavyBytes(stays) <= maxBytes) return;
      expect(stays.filter((each) => isHeavy(each) && !isProtected(each, now))).toEqual([]);
    });
  });

  test('is not more than the limits ask for: without the last of it, there is too much, or something too old', () => {
    property((of, by) => {
      const { victims, stays } = chosen(of, by);
      const last = victims.findLast(({ reason }) => reason === 'size');
      if (last !== undefined) expect(heavyBytes([...stays, last.item])).toBeGreaterThan(by.maxBytes ?? Infinity);
      for (const { item: each, reason } of victims) {
        if (reason === 'age') expect(ageIn(each)).toBeGreaterThan(by.maxAgeMs ?? Infinity);
      }
    });
  });

  test('leaves nothing that is too old, but what is leased, was just used, or attests something that stays', () => {
    property((of, by) => {
      const { stays } = chosen(of, by);
      const { maxAgeMs = Infinity } = by;
      const old = stays.filter((each) => !isProtected(each, now) && ageIn(each) > maxAgeMs);
      expect(old.filter(({ kind }) => kind !== 'attestations' && kind !== 'pointer')).toEqual([]);
      for (const { digest } of old) {
        expect(stays.some((each) => isHeavy(each) && each.digest === digest)).toBe(true);
      }
    });
  });

  test('was used before everything that could have gone in its place', () => {
    property((of, by) => {
      const { victims, stays } = chosen(of, by);
      const ages = victims.filter(({ reason }) => reason === 'size').map((victim) => ageIn(victim.item));
      for (const each of stays) {
        if (isHeavy(each) && !isProtected(each, now)) expect(ageIn(each)).toBeLessThanOrEqual(Math.min(...ages));
      }
    });
  });

  test('takes no attestation of what stays and nothing that leads to it, and neither to make room', () => {
    property((of, by) => {
      const { victims, stays } = chosen(of, by);
      for (const { item: each, reason } of victims) {
        if (isHeavy(each)) continue;
        expect(reason).toBe(each.kind === 'pointer' ? 'gone' : 'age');
        if (each.kind !== 'placement') {
          expect(stays.some((other) => isHeavy(other) && other.digest === each.digest)).toBe(false);
        }
      }
    });
  });

  test('leaves nothing that leads to what does not stay, but what was just written', () => {
    property((of, by) => {
      const { stays } = chosen(of, by);
      for (const each of stays.filter(({ kind }) => kind === 'pointer')) {
        const leads = stays.some((other) => isHeavy(other) && other.digest === each.digest);
        expect(leads || isProtected(each, now)).toBe(true);
      }
    });
  });

  test('is the same in whatever order things are listed, and nothing the second time', () => {
    fc.assert(
      fc.property(
        items.chain((of) => fc.tuple(fc.constant(of), fc.shuffledSubarray(of, { minLength: of.length }))),
        limits,
        ([of, other], by) => {
          const { victims, stays } = chosen(of, by);
          expect(chosen(other, by).victims).toEqual(victims);
          expect(chosen(stays, by).victims).toEqual([]);
        },
      ),
    );
  });

  test('is nothing where nothing is limited, but what leads nowhere', () => {
    property((of) => {
      expect(chosen(of, {}).gone.filter(({ kind }) => kind !== 'pointer')).toEqual([]);
    });
  });
});

test('of what was used at the same time, the unpacked form goes before the artifact that it is made from', () => {
  const at = { digest: digestOf('x'), size: 100, lastUsedAt: now - 10 * HOUR, leased: false };
  const artifact: CachedItem = { ...at, kind: 'artifact', path: '/a' };
  const unpacked: CachedItem = { ...at, kind: 'unpacked', path: '/b' };
  expect(chosen([artifact, unpacked], { maxBytes: 150 }).gone).toEqual([unpacked]);
});

test('a date in the future, which a wrong clock left, is no use of today', () => {
  const item: CachedItem = {
    ...{ kind: 'artifact', digest: digestOf('x'), path: '/a', size: 1, leased: false },
    lastUsedAt: now + 1000 * HOUR,
  };
  expect(chosen([item], { maxBytes: 0 }).gone).toEqual([item]);
});
