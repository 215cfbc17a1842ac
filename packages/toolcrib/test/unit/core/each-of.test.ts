import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachOf } from '../../../src/core/each-of.ts';

test('many are worked on in the order given, some at the same time, and told in that order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.boolean(), { maxLength: 30 }),
      fc.integer({ min: 1, max: 5 }),
      async (items, atOnce) => {
        let running = 0;
        let most = 0;
        const begun: number[] = [];
        const outcomes = await eachOf([...items.entries()], { atOnce, signal: undefined }, async ([index, works]) => {
          begun.push(index);
          running += 1;
          most = Math.max(most, running);
          await new Promise(setImmediate);
          running -= 1;
          if (!works) throw new Error(`no ${index}`);
          return index;
        });
        expect(outcomes).toEqual(
          items.map((works, index) => (works ? { value: index } : { error: new Error(`no ${index}`) })),
        );
        expect(begun).toEqual([...items.keys()]);
        expect(most).toBe(Math.min(atOnce, items.length));
      },
    ),
    { numRuns: 50 },
  );
});

test('an abort lets what was begun end, begins nothing more, and ends with its reason', async () => {
  const stop = new AbortController();
  const ended: number[] = [];
  const work = async (item: number) => {
    if (item === 1) stop.abort(new Error('enough'));
    await new Promise(setImmediate);
    ended.push(item);
  };
  await expect(eachOf([0, 1, 2, 3], { atOnce: 2, signal: stop.signal }, work)).rejects.toThrow('enough');
  expect(ended).toEqual([0, 1]);
});
