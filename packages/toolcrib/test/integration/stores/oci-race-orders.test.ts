import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { claimVersion, type ReleaseTags } from '../../../src/stores/oci/race.ts';
import { explore, sumsOf, walk } from './oci-race-model.ts';

/** Milliseconds: thousands of orders are tried, on machines that do other things as well. */
const PATIENCE = 600_000;

describe('publishers that race for a version in a registry', { timeout: PATIENCE }, () => {
  test('never both believe that they won, and who did is what readers see, whatever the order of their requests', async () => {
    const { states, ends } = await explore(['a', 'b'], 0);
    expect(states).toBeGreaterThan(500);
    for (const { winners, registers } of ends) {
      expect(winners.size).toBeLessThan(2);
      for (const winner of winners) expect(registers.index?.sums).toBe(sumsOf(winner));
    }
    const won = ends.filter(({ winners }) => winners.size === 1);
    expect(won.length / ends.length).toBeGreaterThan(0.8);
  });

  test('never both believe so when one of them is killed at any point and starts again', async () => {
    const { states, ends } = await explore(['a', 'b'], 1);
    expect(states).toBeGreaterThan(5000);
    for (const { winners } of ends) expect(winners.size).toBeLessThan(2);
  });

  test('do not call a claim theirs that came too late', async () => {
    const late = { index: digestOf('index of b'), sums: sumsOf('b') };
    const answers = [undefined, late];
    const tags: ReleaseTags = {
      readIndex: () => Promise.resolve(answers.shift()),
      readClaim: () => Promise.resolve(answers.length > 0 ? undefined : { sums: sumsOf('a'), sealed: false }),
      writeClaim: () => Promise.resolve(),
      writeIndex: () => Promise.reject(new Error('a claim shows nothing')),
    };
    expect(await claimVersion(tags, sumsOf('a'))).toBe('exists');
  });

  test('all win when they publish the same bytes', async () => {
    const { ends } = await explore(['a', 'a'], 0);
    expect(ends.length).toBeGreaterThan(1);
    for (const { winners, registers } of ends) {
      expect([...winners]).toEqual(['a']);
      expect(registers.index?.sums).toBe(sumsOf('a'));
    }
  });

  test('never believe so two at a time when they are three', async () => {
    const choices = fc.array(fc.nat({ max: 5 }), { minLength: 60, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(choices, async (order) => {
        expect((await walk(['a', 'b', 'c'], order)).winners.size).toBeLessThan(2);
      }),
      { numRuns: 2000 },
    );
  });
});
