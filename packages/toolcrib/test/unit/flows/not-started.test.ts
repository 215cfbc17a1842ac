import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { SandboxError } from '../../../src/core/errors.ts';
import { createFirstWords } from '../../../src/flows/first-words.ts';
import { nothingExecuted, refusedBy, toolEnded } from '../../../src/flows/not-started.ts';
import type { CaptureReport } from '../../../src/run/observe/observer.ts';

const SANDBOX = { reference: 'docker:web' };

const WHOLE: CaptureReport = {
  attribution: 'proven',
  accounts: [{ hook: 'exec', emitted: 0, dropped: 0, unreadable: 0, missed: 0 }],
  endedEarly: false,
  survivors: 0,
  perturbations: [],
  attachMs: 1,
};

describe('a command that nobody saw being executed', () => {
  test.each([
    [127, 'ENOENT'],
    [126, 'EACCES'],
    [125, 'TOOL_ENDED'],
  ])('was not started where its tool exited with %i', (exitCode, code) => {
    expect(nothingExecuted(WHOLE, exitCode, SANDBOX)).toMatchObject({ code });
  });

  test('was not started where its tool says so', () => {
    expect(refusedBy(127, SANDBOX)).toMatchObject({
      code: 'ENOENT',
      reason: expect.stringContaining('docker:web') as string,
    });
    expect(refusedBy(1, SANDBOX)).toBeUndefined();
  });

  test.each([
    ['another exit code', WHOLE, 3],
    ['no exit code', WHOLE, undefined],
    ['a call that was dropped', { ...WHOLE, accounts: [{ ...WHOLE.accounts[0], dropped: 1 }] } as CaptureReport, 127],
    ['an observation that ended early', { ...WHOLE, endedEarly: true }, 127],
    ['descendants that live on', { ...WHOLE, survivors: 1 }, 127],
    ['an attribution in doubt', { ...WHOLE, attribution: 'doubtful' } as const, 127],
  ])('may have been started with %s', (_what, report, exitCode) => {
    expect(nothingExecuted(report, exitCode, SANDBOX)).toBeUndefined();
  });
});

describe('a tool that ended before it held its command', () => {
  test('is quoted without what acts upon a terminal', () => {
    const { reason } = toolEnded(SANDBOX, 2, undefined, 'sandbox-tools: /no\u001Bsuch is no directory\n');
    expect(reason).toBe('the tool that starts it in docker:web ended with 2 before: /no\\x1bsuch is no directory');
  });

  test('that the engine refused is told with what can be done', () => {
    const refusal = new SandboxError('EXEC_FAILED', 'unable to find user x', { hint: 'name another' });
    expect(toolEnded(SANDBOX, undefined, refusal, '').reason).toBe('unable to find user x (name another)');
  });
});

describe('the first words of a tool', () => {
  function heard() {
    const told: string[] = [];
    const target = new Writable({
      write(piece: Buffer, _encoding, done) {
        told.push(piece.toString());
        done();
      },
    });
    return { told, first: createFirstWords(target) };
  }

  test('are kept where it never says that it holds a command', () => {
    const { told, first } = heard();
    first.stream.write('no such directory\n');
    expect(first.unheld()).toBe('no such directory\n');
    expect(told).toEqual([]);
  });

  test('are passed on in their order once it says so', () => {
    const { told, first } = heard();
    first.stream.write('a');
    first.tellHeld();
    first.stream.write('b');
    expect(told).toEqual(['a', 'b']);
    expect(first.unheld()).toBeUndefined();
  });

  test.each([
    ['its runtime spoke before it', 'warning\ntoolcrib-hold {"held":true}\n'],
    ['they are more than a tool has to say', 'x'.repeat(5000)],
  ])('say nothing about the command where %s', (_when, words) => {
    const { told, first } = heard();
    first.stream.write(words);
    expect(told).toEqual([words]);
    expect(first.unheld()).toBeUndefined();
  });
});
