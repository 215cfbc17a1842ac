import { describe, expect, test } from 'vitest';
import { InterruptedError, RemoteError } from '../../../src/core/errors.ts';
import { examine, type Probe } from '../../../src/doctor/examine.ts';
import { finding } from '../../../src/doctor/finding.ts';
import { systemClock } from '../../../src/flows/host.ts';

const context = { clock: systemClock, deadlineMs: 20 };
const fine: Probe = {
  ...{ group: 'cache', subject: 'cache', failsAs: 'failed' },
  look: () => Promise.resolve([finding({ group: 'cache', subject: 'cache', state: 'ok', text: 'fine' })]),
};

function store(look: Probe['look']): Probe {
  return { group: 'stores', subject: 'file:x', failsAs: 'failed', look };
}

describe('an examination', () => {
  test('tells what does not answer in time, also what heeds no signal, and ends it', async () => {
    let ended = false;
    const deaf = () => new Promise<never>(() => undefined);
    const heeding = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          ended = true;
          reject(new Error('ended'));
        });
      });
    const late = { state: 'failed', text: 'it did not answer within 0.02 s' };
    expect(await examine([fine, store(deaf), store(heeding)], context)).toMatchObject([late, late, { state: 'ok' }]);
    expect(ended).toBe(true);
  });

  test('tells failures with what to do about them, and what offline was not looked at as no failure', async () => {
    const refusing = store(() => Promise.reject(new RemoteError('REMOTE_REFUSED', 'no', { hint: 'log in' })));
    const offline = store(() => Promise.reject(new RemoteError('OFFLINE', 'offline')));
    expect(await examine([refusing, offline], context)).toMatchObject([
      { state: 'failed', text: 'no', remedy: 'log in', facts: { code: 'REMOTE_REFUSED' } },
      { state: 'note', text: 'offline', remedy: null },
    ]);
  });

  test('ends with a bug, and with the reason of an abort', async () => {
    const bug = store(() => Promise.reject(new TypeError('a bug')));
    await expect(examine([fine, bug], context)).rejects.toThrow(TypeError);
    const abort = new AbortController();
    const interrupted = store(() => {
      abort.abort(new InterruptedError());
      return new Promise<never>(() => undefined);
    });
    const examining = examine([interrupted], { ...context, deadlineMs: 60_000, signal: abort.signal });
    await expect(examining).rejects.toThrow(InterruptedError);
  });
});
