import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { childOf, endLeftBehind } from '../../../../../src/run/observe/tracer/left-behind.ts';
import { isStopped } from '../../../../../src/run/observe/process-status.ts';
import { isAlive } from '../../living-process.ts';

async function sleeper(): Promise<ChildProcess & AsyncDisposable & { readonly pid: number }> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const ended = once(child, 'exit');
  const { pid } = child;
  if (pid === undefined) throw new Error('it was started');
  return Object.assign(child, {
    pid,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  });
}

describe('what a tracer leaves behind', () => {
  test('is known by its parent only', async () => {
    await using child = await sleeper();
    expect(childOf(child.pid, process.pid)).toMatchObject({ pid: child.pid });
    expect(childOf(child.pid, process.ppid)).toBeUndefined();
    expect(childOf(child.pid, undefined)).toBeUndefined();
    expect(childOf(0, 0)).toBeUndefined();
  });

  test('is killed, and no other that has its number', async () => {
    await using child = await sleeper();
    const command = childOf(child.pid, process.pid);
    expect(await endLeftBehind({ command: { pid: child.pid, start: '1' }, guard: undefined })).toBe('gone');
    expect(isAlive(child.pid)).toBe(true);
    expect(await endLeftBehind({ command, guard: undefined })).toBe('gone');
    expect(isAlive(child.pid)).toBe(false);
  });

  test('may run on where nobody knows which it was', async () => {
    expect(await endLeftBehind({ command: undefined, guard: undefined })).toBe('unknown');
  });

  test('goes on where it has something to do and was stopped', async () => {
    await using child = await sleeper();
    const guard = childOf(child.pid, process.pid);
    child.kill('SIGSTOP');
    while (!(await isStopped(child.pid))) continue;
    const ending = endLeftBehind({ command: undefined, guard });
    while (await isStopped(child.pid)) continue;
    child.kill('SIGTERM');
    expect(await ending).toBe('unknown');
    expect(isAlive(child.pid)).toBe(false);
  });
});
