import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatArtifactName } from '../../../src/core/artifact-name.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { coverageOf } from '../../../src/core/sums-coverage.ts';
import { parseTarget } from '../../../src/core/target.ts';

const TARGETS = ['amd64', 'amd64-musl', 'arm64', 'arm64-musl'].map(parseTarget);
const nameOf = (index: number, version = 3): string =>
  formatArtifactName({ tool: 'tool', version, target: TARGETS[index] ?? parseTarget('amd64'), dev: false });

describe('sums cover a release', () => {
  test('exactly when they name each of its artifacts and nothing else', () => {
    const indices = fc.uniqueArray(fc.nat(TARGETS.length - 1));
    fc.assert(
      fc.property(indices, indices, fc.boolean(), (wanted, named, isOther) => {
        const names = named.map((index) => nameOf(index, isOther ? 4 : 3));
        const sums = new Map(names.map((name) => [name, digestOf(name)]));
        const targets = wanted.map((index) => TARGETS[index] ?? parseTarget('amd64'));
        const coverage = coverageOf(sums, { tool: 'tool', version: 3, targets });
        const expected = wanted.map((index) => nameOf(index));
        expect(coverage.missing).toEqual(expected.filter((name) => !names.includes(name)).sort());
        expect(coverage.foreign).toEqual(names.filter((name) => !expected.includes(name)).sort());
        expect(coverage.isExact).toBe([...expected].sort().join() === [...names].sort().join());
      }),
    );
  });
});
