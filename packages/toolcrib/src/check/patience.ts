import { combineSignals } from '../core/combined-signal.ts';
import { RemoteError } from '../core/errors.ts';
import type { CheckedStore } from './inspect-store.ts';

/** All that a check asks of its stores has to be answered in so many milliseconds: the change chooses whom it asks. */
export const PATIENCE_MS = 300_000;

/**
 * Asks stores for so long: from then on every answer that is not there yet, and every further one, is a RemoteError
 * `UNREACHABLE`.
 */
export async function askWithin<T>(
  patienceMs: number,
  stores: readonly CheckedStore[],
  ask: (stores: readonly CheckedStore[]) => Promise<T>,
): Promise<T> {
  const patience = new AbortController();
  const ending = setTimeout(() => patience.abort(outOfPatience(patienceMs)), patienceMs);
  try {
    return await ask(stores.map((store) => endedBy(store, patience.signal)));
  } finally {
    clearTimeout(ending);
  }
}

function endedBy(store: CheckedStore, patience: AbortSignal): CheckedStore {
  const within = (signal: AbortSignal | undefined): AbortSignal => combineSignals([signal, patience]);
  return {
    reference: store.reference,
    fetch: async (name, options) => await store.fetch(name, { ...options, signal: within(options?.signal) }),
    list: async (prefix, options) => await store.list(prefix, { ...options, signal: within(options?.signal) }),
  };
}

function outOfPatience(patienceMs: number): RemoteError {
  const what = `the stores did not answer everything within ${patienceMs / 1000} s`;
  return new RemoteError('UNREACHABLE', what, { hint: 'look at the stores that "toolcrib.json" names' });
}
