import { describe, expect, test } from 'vitest';
import { inspectStore, readClaim, type CheckedStore } from '../../../src/check/inspect-store.ts';
import { askWithin } from '../../../src/check/patience.ts';

const ID = { tool: 'demo', version: 1 };

/** A store that never answers, and ends with the reason of the signal it was given. */
function silentStore(): CheckedStore & { readonly asked: string[] } {
  const asked: string[] = [];
  const silence = async (what: string, signal: AbortSignal | undefined): Promise<never> => {
    asked.push(what);
    if (signal?.aborted !== true) await new Promise((resolve) => signal?.addEventListener('abort', resolve));
    signal?.throwIfAborted();
    throw new Error('nobody aborted');
  };
  return {
    reference: 'https://example.org/silent',
    asked,
    fetch: (name, options) => silence(name, options?.signal),
    list: (prefix, options) => silence(prefix, options?.signal),
  };
}

describe('a store that does not answer', () => {
  test('could not be told of when the patience with all of them is over, and so is whatever is asked later', async () => {
    const store = silentStore();
    const found = await askWithin(20, [store], async ([given = store]) => [
      await readClaim(given, ID, { signal: undefined }),
      await readClaim(given, { ...ID, version: 2 }, { signal: undefined }),
      await inspectStore(given, ID, new Map(), { signal: undefined }),
      await given.list('demo').catch((error: unknown) => error),
    ]);
    const why = 'the stores did not answer everything within 0.02 s';
    expect(found).toMatchObject([
      { kind: 'unknown', why },
      { kind: 'unknown', why },
      { outcome: 'failed', store: store.reference, message: `could not be told: ${why}` },
      { code: 'UNREACHABLE' },
    ]);
  });

  test('is left at once when the user wants that', async () => {
    const store = silentStore();
    const user = new AbortController();
    const asking = askWithin(60_000, [store], async ([given = store]) => {
      return await readClaim(given, ID, { signal: user.signal });
    });
    user.abort(new Error('enough'));
    await expect(asking).rejects.toThrow('enough');
    expect(store.asked).toHaveLength(1);
  });
});
