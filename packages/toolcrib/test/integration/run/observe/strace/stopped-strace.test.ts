import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { callsOf, isRunning, started, until } from '../../../../contract/run/observed-command.ts';
import { observerMissing, openObserver } from '../../../../contract/run/open-observer.ts';
import { requireOrSkip } from '../../../../servers/require.ts';

const DRIVER = join(import.meta.dirname, '../../../../contract/run/observer-driver.ts');

describe('a command that stops the strace that watches it', requireOrSkip(await observerMissing('strace')), () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stopped-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const command = (): readonly string[] => {
    const own = 'strace=$(sed -n "s/^TracerPid:[^0-9]*//p" /proc/self/status)';
    const script = `${own}; echo $$ $strace > ${folder}/pids; kill -STOP $strace; cat /etc/hostname; sleep 1000`;
    return ['/bin/sh', '-c', script];
  };
  /** Resolves when strace stands still: the command and strace. */
  const stopped = async (): Promise<readonly [number, number]> => {
    const pids = async () =>
      (await readFile(join(folder, 'pids'), 'utf8').catch(() => '')).trim().split(' ').map(Number);
    const isStopped = async () => {
      const status = await readFile(`/proc/${(await pids())[1]}/status`, 'utf8').catch(() => '');
      return /^State:\s*T/m.test(status);
    };
    await until(isStopped, 'strace is stopped');
    const [shell = 0, strace = 0] = await pids();
    return [shell, strace];
  };
  const areGone = async (pids: readonly number[]): Promise<void> => {
    for (const pid of pids) await until(async () => !(await isRunning(pid)), `${pid} is gone`);
  };

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'is ended by %s all the same, and its end is told as early',
    async (signal) => {
      const observer = await openObserver('strace', { drainMs: 300 });
      await using running = await started(observer, command(), { ownGroup: true });
      const reading = callsOf(running.run);
      const pids = await stopped();
      running.run.kill(signal);
      await reading;
      expect(await running.run.capture).toMatchObject({ endedEarly: true, survivors: 0 });
      expect(await running.run.end).toMatchObject({ exitCode: null });
      await areGone(pids);
    },
  );

  test('is ended after a while when nobody else ends it', async () => {
    const observer = await openObserver('strace', { drainMs: 300 });
    await using running = await started(observer, command());
    const reading = callsOf(running.run);
    const pids = await stopped();
    await reading;
    expect(await running.run.capture).toMatchObject({ endedEarly: true, survivors: 0 });
    expect(await running.run.end).toMatchObject({ exitCode: null });
    await areGone(pids);
  });

  test('says how it ended when it did so at once', async () => {
    const observer = await openObserver('strace', { drainMs: 300 });
    const own = 'strace=$(sed -n "s/^TracerPid:[^0-9]*//p" /proc/self/status)';
    await using running = await started(observer, ['/bin/sh', '-c', `${own}; kill -STOP $strace; exit 3`]);
    await callsOf(running.run);
    expect(await running.run.end).toEqual({ exitCode: 3, signal: null });
    expect(await running.run.capture).toMatchObject({ endedEarly: true });
  });

  test('does not outlive the process that observes', async () => {
    const driver = spawn(process.execPath, [DRIVER, 'strace', ...command()], { stdio: 'ignore' });
    const ended = new Promise((resolve) => driver.once('exit', resolve));
    const pids = await stopped();
    driver.kill('SIGKILL');
    await ended;
    await areGone(pids);
  });
});
