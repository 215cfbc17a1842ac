import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { RemoteError } from '../../../src/core/errors.ts';
import { silentReporter, type Notice } from '../../../src/core/reporter.ts';
import { parseRetryAfter, retry, TransientFailure } from '../../../src/transfer/retry.ts';

/** A clock on which waiting takes no time, and that remembers how long it was to be. */
function patientClock(): Clock & { readonly waits: number[] } {
  const waits: number[] = [];
  return { now: () => 0, elapsed: () => 0, waits, sleep: (ms) => (waits.push(ms), Promise.resolve()) };
}

const policy = { attempts: 5, firstWaitMs: 100, longestWaitMs: 1000 };
const busy = (retryAfterMs?: number): TransientFailure =>
  new TransientFailure(new RemoteError('UNREACHABLE', 'busy'), retryAfterMs);

describe('repeating what may pass', () => {
  test('waits twice as long each time, never longer than allowed, and ends with the failure itself', async () => {
    const clock = patientClock();
    const attempt = (): Promise<never> => Promise.reject(busy());
    await expect(retry(attempt, { retry: policy, clock, random: () => 0.999999 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: 'busy',
    });
    expect(clock.waits.map(Math.round)).toEqual([100, 200, 400, 800]);
    const calm = patientClock();
    await expect(retry(attempt, { retry: policy, clock: calm, random: () => 0 })).rejects.toThrow('busy');
    expect(calm.waits).toEqual([50, 100, 200, 400]);
  });

  test('does what the server asks for, within reason', async () => {
    const clock = patientClock();
    const answers = [busy(700), busy(3_600_000), busy(1)];
    const attempt = (): Promise<string> => {
      const failure = answers.shift();
      return failure === undefined ? Promise.resolve('done') : Promise.reject(failure);
    };
    expect(await retry(attempt, { retry: policy, clock, random: () => 0 })).toBe('done');
    expect(clock.waits).toEqual([700, 1000, 200]);
  });

  test('tells why somebody waits, and for how long', async () => {
    const told: Notice[] = [];
    const reporter = { ...silentReporter, notice: (notice: Notice) => void told.push(notice) };
    const answers = [busy(700), busy()];
    const attempt = (): Promise<string> => {
      const failure = answers.shift();
      return failure === undefined ? Promise.resolve('done') : Promise.reject(failure);
    };
    await retry(attempt, { retry: policy, clock: patientClock(), random: () => 0.999999, reporter });
    expect(told).toEqual([
      { kind: 'step', text: 'busy; attempt 2 of 5 in 0.7 s, as the server asks' },
      { kind: 'step', text: 'busy; attempt 3 of 5 in 0.2 s' },
    ]);
  });

  test('does not touch failures that cannot pass', async () => {
    const clock = patientClock();
    const refused = new RemoteError('REMOTE_REFUSED', 'no');
    await expect(retry(() => Promise.reject(refused), { clock, random: () => 0 })).rejects.toBe(refused);
    expect(clock.waits).toEqual([]);
  });

  test('makes no attempt after an abort', async () => {
    const reason = new Error('Ctrl-C');
    const controller = new AbortController();
    let attempts = 0;
    const attempt = (): Promise<never> => {
      attempts += 1;
      controller.abort(reason);
      return Promise.reject(busy());
    };
    const context = { clock: patientClock(), random: () => 0, signal: controller.signal };
    await expect(retry(attempt, context)).rejects.toBe(reason);
    expect(attempts).toBe(1);
  });
});

describe('a Retry-After header', () => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  test.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Fri, 02 Jan 2026 03:04:35 GMT', 30_000],
    ['Fri, 02 Jan 2026 03:00:00 GMT', 0],
    ['Friday, 02-Jan-26 03:04:35 GMT', 30_000],
    ['Fri Jan  2 03:04:35 2026', 30_000],
    ['soon', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j means %j milliseconds', (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });

  test('never means less than nothing, whatever it says', () => {
    fc.assert(fc.property(fc.string(), (header) => (parseRetryAfter(header, now) ?? 0) >= 0));
  });
});
