/**
 * Waits for work that knows no signal. After an abort nobody waits for it any more; it ends by its own deadlines.
 * @throws the signal's reason; what the work throws.
 */
export async function abandonable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  const ended = new AbortController();
  try {
    return await Promise.race([work, aborted(signal, ended.signal)]);
  } finally {
    ended.abort();
    // What is abandoned may still fail: nobody is left to hear it.
    work.catch(() => undefined);
  }
}

async function aborted(signal: AbortSignal, ended: AbortSignal): Promise<never> {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true, signal: ended });
  });
  throw signal.reason;
}
