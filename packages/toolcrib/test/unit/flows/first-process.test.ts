import { describe, expect, test } from 'vitest';
import { watchFirstProcess } from '../../../src/flows/first-process.ts';
import type { ExecCall, ObservedCall, ProcessEvent } from '../../../src/run/observe/observed-call.ts';
import type { CaptureReport } from '../../../src/run/observe/observer.ts';

const ANCHOR = 10;
const WHOLE: CaptureReport = {
  attribution: 'proven',
  accounts: [{ hook: 'exit', emitted: 1, dropped: 0, unreadable: 0, missed: 0 }],
  endedEarly: false,
  survivors: 0,
  perturbations: [],
  attachMs: 1,
};

function fork(pid: number, child: number, tid = child): ProcessEvent {
  return { kind: 'process', call: 'fork', abi: 'native', pid, tid: pid, child, result: tid };
}

/** Of a task whose process has an end by then. */
function exit(pid: number, result: number, tid = pid): ProcessEvent {
  return { ...exitAlone(pid, result, tid), isOfProcess: true };
}

function exitAlone(pid: number, result: number, tid = pid): ProcessEvent {
  return { kind: 'process', call: 'exit', abi: 'native', pid, tid, result };
}

function exec(pid: number, result: number | undefined = 0): ExecCall {
  return { kind: 'exec', call: 'execve', abi: 'native', pid, tid: pid, result, path: { given: '/a' } };
}

/** What is known after the calls of a run. */
async function after(calls: readonly ObservedCall[], report = WHOLE) {
  const first = watchFirstProcess(
    (async function* () {
      await Promise.resolve();
      yield* calls;
    })(),
    ANCHOR,
  );
  const passed: ObservedCall[] = [];
  for await (const call of first.calls) passed.push(call);
  expect(passed).toEqual(calls);
  return { end: first.end(report), hasExecuted: first.hasExecuted() };
}

const started = [fork(ANCHOR, 20), exec(20)];
const code = (exitCode: number) => ({ exitCode, signal: null });

describe('the end of a command in a sandbox', () => {
  test('is that of the process which its tool started, whatever comes before it and after', async () => {
    const calls = [...started, fork(20, 21), exit(21, 9), exec(20), exit(20, 3), fork(21, 22), exit(22, 4)];
    expect(await after(calls)).toEqual({ end: code(3), hasExecuted: true });
  });

  test('is the signal that ended it', async () => {
    expect((await after([...started, exit(20, -9)])).end).toEqual({ exitCode: null, signal: 9 });
  });

  test.each([
    ['threads that ended before', [exitAlone(20, 0, 21), exit(20, 3)], code(3)],
    ['threads that were ended with it', [exit(20, 3), exit(20, 3, 21)], code(3)],
    ['a first thread that ended alone, and another that ended all', [exitAlone(20, 0), exit(20, 5, 21)], code(5)],
    ['threads of which nothing tells that one of them ended all', [exitAlone(20, 0), exitAlone(20, 5, 21)], undefined],
    ['a first thread alone, of which others may be left', [exitAlone(20, 0)], undefined],
    ['an end that was changed while its threads ended', [exit(20, -11, 21), exit(20, -9)], undefined],
    ['a thread that executed a program in the place of the first', [exitAlone(20, 0), exec(20), exit(20, 6)], code(6)],
    ['a process that has its number afterwards', [exit(20, 3), fork(30, 20), exec(20), exit(20, 7)], code(3)],
    ['one that has it after an end that nothing tells', [exitAlone(20, 3), fork(30, 20), exit(20, 7)], undefined],
    ['a thread of another process with its number', [exit(20, 3), fork(30, 30, 20), exit(30, 7, 20)], code(3)],
  ])('is told of one with %s', async (_what, calls, end) => {
    expect((await after([...started, ...calls])).end).toEqual(end);
  });

  test.each([
    ['it has not ended', started, WHOLE],
    ['it has executed nothing', [fork(ANCHOR, 20), exit(20, 127)], WHOLE],
    ['nobody saw it being started', [exec(20), exit(20, 0)], WHOLE],
    ['the attribution is in doubt', [...started, exit(20, 0)], { ...WHOLE, attribution: 'doubtful' }],
    ['the observation broke off', [...started, exit(20, 0)], { ...WHOLE, accounts: [], endedEarly: true }],
    ['the observation was ended before it', started, { ...WHOLE, endedEarly: true, survivors: 1 }],
    ['events of its kind were dropped', [...started, exit(20, 0)], lossy('exit')],
  ] as const)('is not known where %s', async (_when, calls, report) => {
    expect((await after(calls, report)).end).toBeUndefined();
  });

  test('is known where the observation was ended after it', async () => {
    expect((await after([...started, exit(20, 5)], { ...WHOLE, endedEarly: true })).end).toEqual(code(5));
  });

  test('is known where other calls were dropped', async () => {
    expect((await after([...started, exit(20, 0)], lossy('openat'))).end).toEqual(code(0));
  });

  test.each([
    [0, true],
    [undefined, true],
    [-2, false],
  ])('may be one of a program whose exec returned %s', async (result, hasExecuted) => {
    expect(await after([fork(ANCHOR, 20), { ...exec(20), result }])).toMatchObject({ hasExecuted });
  });
});

function lossy(hook: string): CaptureReport {
  return { ...WHOLE, accounts: [{ hook, emitted: 1, dropped: 1, unreadable: 0, missed: 0 }] };
}
