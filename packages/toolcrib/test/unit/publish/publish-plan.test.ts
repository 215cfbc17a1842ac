import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../../src/core/digest.ts';
import { differentNames, isSameSums } from '../../../src/core/sums.ts';
import { planPublish, type Found, type Wanted } from '../../../src/publish/publish-plan.ts';

const digest = fc.constantFrom<Digest>(`sha256:${'0'.repeat(64)}`, `sha256:${'1'.repeat(64)}`);
const name = fc.constantFrom('t-amd64-v5', 't-arm64-v5', 't-amd64-musl-v5', 't-arm64-any-v5');
const sums = fc.dictionary(name, digest, { minKeys: 1 }).map((entries) => new Map(Object.entries(entries)));
const files = fc.subarray(['t-v5.SHA256SUMS', 't-amd64-v5', 't-arm64-v5', 't-amd64-musl-v5', 't-v5.json']);
const wanted: fc.Arbitrary<Wanted> = fc.record({
  tool: fc.constant('t'),
  version: fc.constant(5),
  sums,
  suffix: fc.constant(undefined),
});
const found: fc.Arbitrary<Found> = fc.record({
  highest: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  shown: fc.boolean(),
  claim: fc.option(sums, { nil: undefined }),
  manifest: fc.option(sums, { nil: undefined }),
  names: files,
  attestations: fc.constant(new Map()),
});

const NOTHING: Found = {
  highest: undefined,
  shown: true,
  claim: undefined,
  manifest: undefined,
  names: [],
  attestations: new Map(),
};

describe('a plan to publish', () => {
  test('never goes below the highest published version', () => {
    fc.assert(
      fc.property(wanted, found, (want, have) => {
        expect(planPublish(want, have).kind === 'rollback').toBe(
          have.highest !== undefined && have.highest > want.version,
        );
      }),
    );
  });

  test('does something only when nobody else said other digests', () => {
    fc.assert(
      fc.property(wanted, found, (want, have) => {
        if (planPublish(want, have).kind !== 'publish') return;
        for (const theirs of [have.claim, have.manifest]) expect(theirs ?? want.sums).toEqual(want.sums);
      }),
    );
  });

  test('says that a version is taken only when the digests differ, and names where', () => {
    fc.assert(
      fc.property(wanted, found, (want, have) => {
        const plan = planPublish(want, have);
        if (plan.kind !== 'taken') return;
        expect(plan.different).not.toEqual([]);
        const theirs = have.claim ?? have.manifest ?? new Map();
        for (const each of plan.different) expect(theirs.get(each)).not.toBe(want.sums.get(each));
      }),
    );
  });

  test('takes every file once, the claim first, the manifest last, and creates exactly what is missing', () => {
    fc.assert(
      fc.property(wanted, files, (want, names) => {
        const plan = planPublish(want, { ...NOTHING, names });
        if (plan.kind !== 'publish') throw new Error(plan.kind);
        const order = plan.steps.map((step) => step.name);
        expect(order).toEqual(['t-v5.SHA256SUMS', ...[...want.sums.keys()].sort(), 't-v5.json']);
        for (const step of plan.steps) expect(step.action).toBe(names.includes(step.name) ? 'keep' : 'create');
        expect(plan.alreadyPublished).toBe(order.every((each) => names.includes(each)));
      }),
    );
  });

  test('takes an attestation of each artifact before the manifest: keeps what holds, makes the others', () => {
    const kept = fc.subarray(['t-amd64-v5', 't-arm64-v5', 't-arm64-any-v5']);
    fc.assert(
      fc.property(wanted, kept, fc.constantFrom('.dsse.json', undefined), (want, artifacts, suffix) => {
        const attestations = new Map(artifacts.map((of) => [of, `${of}.sigstore.json`]));
        const plan = planPublish({ ...want, suffix }, { ...NOTHING, attestations });
        if (plan.kind !== 'publish') throw new Error(plan.kind);
        const expected = [...want.sums.keys()].sort().flatMap((of) => {
          const there = attestations.get(of);
          if (there !== undefined) return [{ name: there, role: 'attestation', action: 'keep', of }];
          return suffix === undefined ? [] : [{ name: `${of}${suffix}`, role: 'attestation', action: 'create', of }];
        });
        expect(plan.steps.slice(1 + want.sums.size, -1)).toEqual(expected);
        expect(plan.alreadyPublished).toBe(false);
      }),
    );
  });

  test('says which versions it passes over', () => {
    fc.assert(
      fc.property(wanted, fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }), (want, highest) => {
        const plan = planPublish(want, { ...NOTHING, highest });
        if (plan.kind !== 'publish') throw new Error(plan.kind);
        const passedOver = highest !== undefined && highest < 4;
        expect(plan.skipped).toEqual(passedOver ? { first: highest + 1, last: 4 } : null);
      }),
    );
  });

  test('compares sums in both directions', () => {
    fc.assert(
      fc.property(sums, sums, (a, b) => {
        expect(differentNames(a, b)).toEqual(differentNames(b, a));
        expect(isSameSums(a, b)).toBe(JSON.stringify([...a].sort()) === JSON.stringify([...b].sort()));
      }),
    );
  });
});
