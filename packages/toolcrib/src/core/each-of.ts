/** How one of many went. */
export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/**
 * Works on every item, some at the same time, the first ones first. One that fails does not stop the others; after an
 * abort no further one is begun, and what was begun is waited for.
 * @param atOnce how many at the same time, at least 1.
 * @returns in the order of the items.
 * @throws the signal's reason, when all that was begun has ended.
 */
export async function eachOf<T, R>(
  items: readonly T[],
  { atOnce, signal }: { readonly atOnce: number; readonly signal: AbortSignal | undefined },
  work: (item: T) => Promise<R>,
): Promise<readonly Outcome<R>[]> {
  const outcomes: Outcome<R>[] = [];
  const queue = items.entries();
  const serve = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (signal?.aborted === true) return;
      outcomes[index] = await outcomeOf(() => work(item));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, serve));
  signal?.throwIfAborted();
  return outcomes;
}

/** How it went, whatever it throws. */
export async function outcomeOf<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}
