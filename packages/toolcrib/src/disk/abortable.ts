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
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await Promise.race([iterator.next(), aborted.promise]);
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
