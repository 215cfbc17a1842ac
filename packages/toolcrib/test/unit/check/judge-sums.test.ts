import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeSums, readPins, type Freshness, type SumsFacts } from '../../../src/check/judge-sums.ts';
import { formatArtifactName } from '../../../src/core/artifact-name.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { formatSums } from '../../../src/core/sums.ts';
import { parseTarget, TARGET_NAMES, type Target } from '../../../src/core/target.ts';

const TARGETS = ['amd64', 'arm64'].map(parseTarget);
const textOf = (version: number, targets: readonly Target[] = TARGETS, tool = 'tool', seed = ''): string =>
  formatSums(
    new Map(
      targets.map((target) => {
        const name = formatArtifactName({ tool, version, target, dev: false });
        return [name, digestOf(Buffer.from(name + seed))];
      }),
    ),
  );
const facts = (given: Partial<SumsFacts>): SumsFacts => ({
  file: 'SHA256SUMS',
  head: textOf(27),
  problem: undefined,
  base: textOf(27),
  shape: { tool: 'tool', version: 27, targets: TARGETS },
  bumped: false,
  freshness: { kind: 'none' },
  ...given,
});
const bumped = (given: Partial<SumsFacts>): SumsFacts =>
  facts({ bumped: true, shape: { tool: 'tool', version: 28, targets: TARGETS }, ...given });
const outcomeOf = (given: SumsFacts): string => judgeSums(given).result.outcome;

describe('the sums rule', () => {
  test('leaves the pins of an unchanged version alone, byte for byte', () => {
    fc.assert(
      fc.property(fc.option(fc.string(), { nil: undefined }), fc.string(), (head, base) => {
        expect(outcomeOf(facts({ head, base }))).toBe(head === base ? 'ok' : 'failed');
        expect(outcomeOf(facts({ head: base, base }))).toBe('ok');
      }),
    );
  });

  test('accepts pins of a new version exactly when they are of all its targets and of nothing else', () => {
    const targets = fc.uniqueArray(fc.constantFrom(...TARGET_NAMES), { minLength: 1 });
    fc.assert(
      fc.property(targets, targets, fc.integer({ min: 27, max: 29 }), fc.constantFrom('tool', 'other'), (...given) => {
        const [wanted, pinned, version, tool] = given;
        const head = textOf(version, pinned.map(parseTarget), tool);
        const shape = { tool: 'tool', version: 28, targets: wanted.map(parseTarget) };
        const isRight = version === 28 && tool === 'tool' && wanted.toSorted().join() === pinned.toSorted().join();
        expect(outcomeOf(bumped({ head, shape }))).toBe(isRight ? 'ok' : 'failed');
        expect(typeof readPins(head, 'x', shape)).toBe(isRight ? 'object' : 'string');
      }),
    );
  });

  test.each([
    ['a new version without sums', bumped({ head: undefined }), 'is not there'],
    ['a new version with the old sums', bumped({}), 'was not rewritten'],
    ['sums that are none', bumped({ head: 'hello\n' }), 'SHA256SUMS:1: expected "<64 hex>  <name>"'],
    ['a removed sums file', facts({ head: undefined }), 'was removed'],
    ['other sums of the same version', facts({ head: textOf(27, TARGETS, 'tool', 'x') }), 'changed, but the version'],
    ['first sums of another version', facts({ head: textOf(26), base: undefined }), 'does not pin tool-amd64-v27'],
    ['a sums file that is a link', facts({ problem: 'SHA256SUMS is not a regular file' }), 'is not a regular file'],
  ])('refuses %s', (_, given, words) => {
    const { result, pins } = judgeSums(given);
    expect(result).toMatchObject({ outcome: 'failed', message: expect.stringContaining(words) as unknown });
    expect(result.todo).not.toBeNull();
    expect(pins).toBeUndefined();
  });

  test('lets a project pin for the first time what it has published already', () => {
    const { result, pins } = judgeSums(facts({ base: undefined }));
    expect(result).toMatchObject({ outcome: 'ok', message: 'pins v27 for the first time' });
    expect(pins?.size).toBe(2);
  });

  test.each<[Freshness['kind'], string]>([
    ['current', 'ok'],
    ['together', 'ok'],
    ['stale', 'failed'],
    ['uncommitted', 'ok'],
  ])('finds sums that are %s %s', (kind, outcome) => {
    const freshness = { kind, commit: 'c'.repeat(40), parent: 'd'.repeat(40) };
    expect(outcomeOf(bumped({ head: textOf(28), freshness }))).toBe(outcome);
  });
});
