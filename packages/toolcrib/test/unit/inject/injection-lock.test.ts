import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lockPath, tryLock } from '../../../src/cache/lock.ts';
import type { Clock } from '../../../src/core/clock.ts';
import { digestOf } from '../../../src/core/digest.ts';
import type { Notice } from '../../../src/core/reporter.ts';
import { underPlacementLock, type LockedPlacement } from '../../../src/inject/injection-lock.ts';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import { createScratch } from '../disk/scratch.ts';

const MINUTE_MS = 60_000;

/** A clock on which every wait takes a minute, and none is waited for. */
function hastyClock(): Clock & { readonly waits: () => number } {
  let waits = 0;
  const elapsed = () => waits * MINUTE_MS;
  const sleep = (_: number, signal?: AbortSignal): Promise<void> => {
    waits += 1;
    signal?.throwIfAborted();
    return Promise.resolve();
  };
  return { now: elapsed, elapsed, sleep, waits: () => waits };
}

async function lockedSite(signal?: AbortSignal) {
  const scratch = await createScratch();
  const ledger = join(scratch.path, 'ledger');
  await mkdir(join(scratch.path, 'box'));
  const sandbox = await openLocalSandbox(join(scratch.path, 'box'), { env: {} });
  const clock = hastyClock();
  const notices: Notice[] = [];
  const progress = () => ({ advance: () => undefined, end: () => undefined });
  const reporter = { notice: (notice: Notice) => notices.push(notice), progress };
  const locked: LockedPlacement = { sandbox, digest: digestOf('artifact'), ledger, clock, reporter, signal };
  const { engine, id } = sandbox.identity;
  const path = lockPath(join(ledger, 'locks'), 'placement', digestOf(JSON.stringify([engine, id, locked.digest])));
  const hold = async () => {
    const lock = await tryLock(path);
    return typeof lock === 'string' ? expect.fail(lock) : lock;
  };
  return { locked, clock, notices, hold, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() };
}

describe('the lock of a placement', () => {
  test('is held while the work goes on, and released also when it fails', async () => {
    await using site = await lockedSite();
    const failing = underPlacementLock(site.locked, async () => {
      await expect(site.hold()).rejects.toThrow('busy');
      throw new Error('the work failed');
    });
    await expect(failing).rejects.toThrow('the work failed');
    (await site.hold()).release();
    expect(site.notices).toEqual([]);
  });

  test('is waited for ten minutes and no longer: then the work is done without it', async () => {
    await using site = await lockedSite();
    await underPlacementLock(site.locked, () => Promise.resolve('makes the folder of locks'));
    const held = await site.hold();
    expect(await underPlacementLock(site.locked, () => Promise.resolve('done'))).toBe('done');
    held.release();
    expect(site.clock.waits()).toBe(10);
    expect(site.notices).toEqual([{ kind: 'step', text: 'waiting for another injection' }]);
  });

  test('is not waited for any more when what it is for is there', async () => {
    await using site = await lockedSite();
    await underPlacementLock(site.locked, () => Promise.resolve('makes the folder of locks'));
    const held = await site.hold();
    const answers = [undefined, 'found'];
    const found = underPlacementLock(
      site.locked,
      () => expect.fail('the work was done'),
      () => Promise.resolve(answers.shift()),
    );
    expect(await found).toBe('found');
    held.release();
  });

  test('is not waited for after an abort', async () => {
    const controller = new AbortController();
    await using site = await lockedSite(controller.signal);
    await underPlacementLock(site.locked, () => Promise.resolve('makes the folder of locks'));
    const held = await site.hold();
    const waiting = underPlacementLock(
      site.locked,
      () => expect.fail('the work was done'),
      () => {
        controller.abort(new Error('enough'));
        return Promise.resolve(undefined);
      },
    );
    await expect(waiting).rejects.toThrow('enough');
    held.release();
  });
});
