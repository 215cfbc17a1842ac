/**
 * Does work for each item, so much of it at once, in their order. All of it ends before this does: what failed for one
 * item does not stop the others.
 * @param jobs at least 1.
 * @returns what came of each, in the order of the items.
 */
export async function settleBounded<Item, Result>(
  items: readonly Item[],
  jobs: number,
  work: (item: Item) => Promise<Result>,
): Promise<readonly PromiseSettledResult<Result>[]> {
  const results: PromiseSettledResult<Result>[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) [results[index]] = await Promise.allSettled([work(item)]);
  };
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, worker));
  return results;
}
