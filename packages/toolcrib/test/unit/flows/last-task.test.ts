import { expect, test } from 'vitest';
import { watchFirstProcess } from '../../../src/flows/first-process.ts';
import type { ExecCall, ObservedCall, ProcessEvent } from '../../../src/run/observe/observed-call.ts';

const ANCHOR = 10;

function fork(pid: number, child: number, tid = child): ProcessEvent {
  return { kind: 'process', call: 'fork', abi: 'native', pid, tid: pid, child, result: tid };
}

function exit(pid: number, tid = pid): ProcessEvent {
  return { kind: 'process', call: 'exit', abi: 'native', pid, tid, result: 0 };
}

function exec(pid: number, result: number): ExecCall {
  return { kind: 'exec', call: 'execve', abi: 'native', pid, tid: pid, result, path: { given: '/a' } };
}

async function isOverAfter(calls: readonly ObservedCall[]): Promise<boolean> {
  const watched = watchFirstProcess(
    (async function* () {
      await Promise.resolve();
      yield* calls;
    })(),
    ANCHOR,
  );
  const passed: ObservedCall[] = [];
  for await (const call of watched.calls) passed.push(call);
  expect(passed).toEqual(calls);
  const soon = Promise.resolve().then(() => Promise.resolve(false));
  return await Promise.race([watched.over.then(() => true), soon]);
}

const started = [fork(ANCHOR, 20), exec(20, 0)];

test.each([
  ['its only task has ended', [...started, exit(20)], true],
  ['nothing was started', [], false],
  ['it goes on', started, false],
  ['what it started has ended', [...started, fork(20, 30), exit(30)], false],
  ['what it started goes on', [...started, fork(20, 30), exit(20)], true],
  ['a second thread outlives the first', [...started, fork(20, 20, 21), exit(20)], false],
  ['both have ended', [...started, fork(20, 20, 21), exit(20), exit(20, 21)], true],
  ['a second thread executed a program', [...started, fork(20, 20, 21), exit(20), exec(20, 0)], false],
  ['that program has ended', [...started, fork(20, 20, 21), exit(20), exec(20, 0), exit(20)], true],
  ['a second thread could not execute one', [...started, fork(20, 20, 21), exec(20, -2), exit(20)], false],
  ['something else of the tool has ended', [...started, fork(ANCHOR, 40), exit(40)], false],
])('the process that a tool started is over, or not, when %s', async (_when, calls, isOver) => {
  expect(await isOverAfter(calls)).toBe(isOver);
});
