import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { abortable } from '../../../src/disk/abortable.ts';

/** The collector of garbage, which programs cannot call unless it is asked for. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
}

test('pieces that passed are not held: a stream of any length needs no more memory than a short one', async () => {
  const pieces: WeakRef<Uint8Array>[] = [];
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let made = 0; made < 50; made += 1) {
      const piece = new Uint8Array(1000);
      pieces.push(new WeakRef(piece));
      await Promise.resolve();
      yield piece;
    }
  }
  let size = 0;
  for await (const piece of abortable(source(), new AbortController().signal)) {
    size += piece.byteLength;
    if (size < 49_000) continue;
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(pieces.filter((each) => each.deref() !== undefined).length).toBeLessThan(10);
  }
  expect(size).toBe(50_000);
});

test('an abort ends a source that does not answer, with its reason', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const never: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
  };
  const iterator = abortable(never, controller.signal)[Symbol.asyncIterator]();
  const next = iterator.next();
  controller.abort(reason);
  await expect(next).rejects.toBe(reason);
});
