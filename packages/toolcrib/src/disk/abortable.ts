/**
 * The same pieces, but an abort ends the iteration at once, also while the source does not answer. The source's
 * iteration is ended whenever ours is.
 * @throws the signal's reason.
 */
export async function* abortable<T>(source: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T> {
  if (signal === undefined) {
    for await (const piece of source) yield piece;
    return;
  }
  const iterator = source[Symbol.asyncIterator]();
  let giveUp: (reason: unknown) => void = () => undefined;
  const onAbort = () => giveUp(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      // Not a race with one promise of the abort: that would hold every piece until it settles.
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        giveUp = reject;
        iterator.next().then(resolve, reject);
      });
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    await end(iterator, signal.aborted);
  }
}

/** A source that hangs would hang here too, so an abort does not wait for it. */
async function end(iterator: AsyncIterator<unknown>, hasty: boolean): Promise<void> {
  const ended = Promise.resolve(iterator.return?.()).catch(() => undefined);
  if (!hasty) await ended;
}
