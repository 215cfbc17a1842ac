import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ObservedCall } from '../../../src/run/observe/observed-call.ts';
import type { Observer } from '../../../src/run/observe/observer.ts';
import type { Requirement } from '../../servers/require.ts';
import { callsOf, isRunning, observe, opensOf, started, startObserved, until } from './observed-command.ts';

/** How a kind of observer is tried. */
export interface ObserverUnderTest {
  /** The argument by which `observer-driver.ts` makes it. */
  readonly name: 'strace' | 'tracer';
  readonly requirement: Requirement;
  readonly open: (options: { readonly drainMs?: number }) => Promise<Observer>;
  /** The process that observes a command. */
  readonly engineOf: (pid: number) => Promise<number>;
  /** Whether a slow reader slows the command down, so that nothing is ever dropped. */
  readonly isLossless: boolean;
}

const DRIVER = join(import.meta.dirname, 'observer-driver.ts');
const shell = (script: string): readonly string[] => ['/bin/sh', '-c', script];

/** What every observer must do, whatever it is. */
export function describeObserverContract(under: ObserverUnderTest): void {
  describe(`${under.name} keeps the contract of observers`, under.requirement, () => {
    const open = under.open;

    test('the first call that is told is the one that starts the command, before its first instruction', async () => {
      const { calls, end, capture } = await observe(await open({}), ['/bin/cat', '/etc/hostname']);
      const [first] = calls;
      expect(first).toMatchObject({ kind: 'exec', path: { given: '/bin/cat' }, result: 0 });
      expect(opensOf(calls, '/etc/ld.so.cache')).toHaveLength(1);
      expect(opensOf(calls, '/etc/hostname')).toMatchObject([
        { pid: first?.pid, abi: 'native', flags: expect.any(Number) as number },
      ]);
      expect(calls.at(-1)).toMatchObject({ kind: 'process', call: 'exit', pid: first?.pid, result: 0 });
      expect(end).toEqual({ exitCode: 0, signal: null });
      expect(capture).toMatchObject({ attribution: 'proven', endedEarly: false, survivors: 0 });
    });

    test('every call that is told is counted under a hook', async () => {
      const { calls, capture } = await observe(await open({}), shell('cat /etc/hostname | cat; true & wait'));
      const sum = (field: 'emitted' | 'dropped' | 'missed' | 'unreadable'): number =>
        capture.accounts.reduce((all, account) => all + account[field], 0);
      expect(sum('emitted')).toBe(calls.length);
      expect([sum('dropped'), sum('missed'), sum('unreadable')]).toEqual([0, 0, 0]);
    });

    test('the command has its own name, arguments, variables, directory and streams, and nobody else writes there', async () => {
      const env = { PATH: process.env['PATH'], 'odd.name': 'a b', EMPTY: '' };
      const cwd = await mkdtemp(join(tmpdir(), 'cwd-'));
      try {
        const variables = await observe(await open({}), ['env'], { env });
        expect(variables.stdout.trim().split('\n').sort()).toEqual(['EMPTY=', `PATH=${env.PATH}`, 'odd.name=a b']);
        expect(variables.stderr).toBe('');
        const script = 'tr "\\0" " " < /proc/$PPID/cmdline; pwd -P; cat; echo said >&2';
        const said = await observe(await open({}), ['sh', '-c', `sh -c '${script}'; true`], { cwd });
        expect(said).toMatchObject({ stderr: 'said\n', end: { exitCode: 0 } });
        expect(said.stdout).toMatch(/^sh -c sh -c /);
        expect(said.stdout.endsWith(`${cwd}\n`)).toBe(true);
      } finally {
        await rm(cwd, { recursive: true });
      }
    });

    test.each([
      ['an exit code', 'exit 7', { exitCode: 7, signal: null }, 7],
      ['a signal', 'kill -9 $$', { exitCode: null, signal: 9 }, -9],
    ])('a command that ends with %s ends so', async (_name, script, end, result) => {
      const observed = await observe(await open({}), shell(script));
      expect(observed.end).toEqual(end);
      expect(observed.calls.at(-1)).toMatchObject({ call: 'exit', result });
      expect(observed.stderr).toBe('');
    });

    test('a command that cannot be started says why, and its streams stay empty', async () => {
      await using stack = new AsyncDisposableStack();
      const folder = await mkdtemp(join(tmpdir(), 'programs-'));
      stack.defer(() => rm(folder, { recursive: true }));
      const program = async (name: string, content: string | Buffer, mode: number): Promise<string> => {
        await writeFile(join(folder, name), content);
        await chmod(join(folder, name), mode);
        return join(folder, name);
      };
      const observer = await open({});
      const failed = (command: readonly string[]) => startObserved(observer, command);
      const failure = (code: string): object => ({
        code,
        reason: expect.stringContaining(code) as string,
        written: '',
      });
      expect(await failed(['no-such-program'])).toEqual(failure('ENOENT'));
      expect(await failed([''])).toEqual(failure('ENOENT'));
      expect(await failed([join(folder, 'none')])).toEqual(failure('ENOENT'));
      expect(await failed([folder])).toEqual(failure('EACCES'));
      expect(await failed([await program('plain', 'true\n', 0o644)])).toEqual(failure('EACCES'));
      expect(await failed([await program('lost', '#!/no/such/interpreter\n', 0o755)])).toEqual(failure('ENOENT'));
    });

    test('a command whose folder is not there says so', async () => {
      const failed = await startObserved(await open({}), ['cat'], { cwd: '/no/such/folder' });
      expect(failed).toMatchObject({ code: 'ENOENT', written: '' });
    });

    test('a socket for raw packets is a blind spot, one of netlink or of datagrams is none', async () => {
      const script =
        'socket(S, $_->[0], $_->[1], $_->[2]) for ([17, 3, 0], [2, 3, 1], [10, 3, 58], [16, 3, 0], [1, 3, 0], [2, 2, 0])';
      const { calls, capture } = await observe(await open({}), ['perl', '-e', script]);
      expect(calls.filter(({ call }) => call === 'socket')).toMatchObject([
        { kind: 'blind-spot', detail: 'family 17, type 3' },
        { kind: 'blind-spot', detail: 'family 2, type 3' },
        { kind: 'blind-spot', detail: 'family 10, type 3' },
      ]);
      expect(capture.accounts.find(({ hook }) => hook === 'socket')).toMatchObject({
        emitted: 3,
        dropped: 0,
        missed: 0,
      });
    });

    test('a script without an interpreter is one for the shell, as it is without an observer', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'programs-'));
      try {
        await writeFile(join(folder, 'script'), 'echo "$1"\n', { mode: 0o755 });
        const observed = await observe(await open({}), [join(folder, 'script'), 'said']);
        expect(observed).toMatchObject({ stdout: 'said\n', stderr: '', end: { exitCode: 0 } });
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    test('descendants are followed when they leave the group, the session and their parents, after the command’s end', async () => {
      const observer = await open({});
      await using running = await started(observer, shell('(setsid sh -c "(cat go; cat /etc/hostname) &" &)'));
      const calls: ObservedCall[] = [];
      const reading = (async () => {
        for await (const call of running.run.calls) calls.push(call);
      })();
      expect(await running.run.end).toEqual({ exitCode: 0, signal: null });
      await reading;
      expect(opensOf(calls, '/etc/hostname')).toMatchObject([{ result: expect.any(Number) as number }]);
      expect(opensOf(calls, 'go')).toMatchObject([{ result: -2 }]);
      expect(await running.run.capture).toMatchObject({ survivors: 0, endedEarly: false });
    });

    test('descendants in a process namespace of their own are told by the ids that the observer knows', async () => {
      const script = 'sh -c "cat /etc/hostname; true"; true';
      const command = ['unshare', '--pid', '--fork', '/bin/sh', '-c', script];
      const { calls, capture } = await observe(await open({}), command);
      const idsOf = (name: 'fork' | 'exit') => calls.filter(({ call }) => call === name);
      const made = idsOf('fork').map(({ result }) => result);
      expect(made.length).toBeGreaterThanOrEqual(3);
      expect(idsOf('exit').map(({ tid }) => tid)).toEqual(expect.arrayContaining(made));
      expect(made).toContain(opensOf(calls, '/etc/hostname')[0]?.pid);
      expect(capture).toMatchObject({ endedEarly: false, survivors: 0 });
    });

    test('what a thread does is told of its process', async () => {
      const script = 'require("node:fs").readFile("/etc/hostname", () => {})';
      const { calls } = await observe(await open({}), [process.execPath, '-e', script]);
      const [call] = opensOf(calls, '/etc/hostname');
      expect(call?.pid).toBe(calls[0]?.pid);
      expect(call?.tid).not.toBe(call?.pid);
    });

    test('a signal reaches the command, which may handle it', async () => {
      const script = 'trap "exit 7" TERM; : < /etc/hostname; while :; do sleep 0.01; done';
      await using running = await started(await open({}), shell(script));
      for await (const call of running.run.calls) {
        if (opensOf([call], '/etc/hostname').length > 0) running.run.kill('SIGTERM');
      }
      expect(await running.run.end).toEqual({ exitCode: 7, signal: null });
      expect(await running.run.capture).toMatchObject({ endedEarly: false });
      // One that is gone is fine.
      running.run.kill('SIGTERM');
    });

    test('a command with a group of its own is ended with all of it', async () => {
      await using running = await started(await open({}), shell('sleep 1000 & : < /etc/hostname; wait'), {
        ownGroup: true,
      });
      expect(running.run.isGroupAlive()).toBe(true);
      for await (const call of running.run.calls) {
        if (opensOf([call], '/etc/hostname').length > 0) running.run.kill('SIGKILL');
      }
      expect(await running.run.end).toEqual({ exitCode: null, signal: 9 });
      await until(() => !running.run.isGroupAlive(), 'the group is gone');
      running.run.kill('SIGKILL');
    });

    test('descendants that do not end are given up after the drain limit, and counted', async () => {
      await using running = await started(await open({ drainMs: 300 }), shell('setsid sleep 1000 & echo $!'));
      try {
        await callsOf(running.run);
        expect(await running.run.end).toEqual({ exitCode: 0, signal: null });
        expect(await running.run.capture).toMatchObject({ survivors: 1, attribution: 'proven' });
      } finally {
        const pid = Number((await running.output()).stdout);
        if (await isRunning(pid)) process.kill(pid, 'SIGKILL');
      }
    });

    test('what a slow reader does not take is told later, or counted', async () => {
      const opens = 20_000;
      const script = `for (let i = 0; i < ${opens}; i++) try { require("node:fs").openSync("/no/such/file") } catch {}`;
      await using running = await started(await open({}), [process.execPath, '-e', script]);
      // Nobody reads until the command is over, or waits for the reader.
      if (!under.isLossless) await running.run.end;
      const calls = await callsOf(running.run);
      const { accounts, endedEarly } = await running.run.capture;
      const lost = accounts.reduce((all, { dropped, missed }) => all + dropped + missed, 0);
      const told = opensOf(calls, '/no/such/file').length;
      expect(endedEarly).toBe(false);
      if (under.isLossless) expect([told, lost]).toEqual([opens, 0]);
      else expect(told + lost).toBeGreaterThanOrEqual(opens);
    });

    test('a reader that goes away ends the observation, and says that it ended early', async () => {
      await using running = await started(await open({}), shell('sleep 1000'), { ownGroup: true });
      for await (const call of running.run.calls) if (call.kind === 'exec') break;
      running.run.kill('SIGKILL');
      expect(await running.run.capture).toMatchObject({ endedEarly: true });
      expect(await running.run.end).toEqual({ exitCode: null, signal: 9 });
    });

    test('when the observer is killed the command ends, too, and the end is told as early', async () => {
      await using running = await started(await open({}), shell('echo $$; : < /etc/hostname; sleep 1000; exit 1'));
      for await (const call of running.run.calls) {
        if (opensOf([call], '/etc/hostname').length > 0) process.kill(await under.engineOf(call.pid), 'SIGKILL');
      }
      expect(await running.run.capture).toMatchObject({ endedEarly: true });
      await running.run.end;
      const pid = Number((await running.output()).stdout);
      await until(async () => !(await isRunning(pid)), 'the command is gone');
    });

    test('when the process that observes is killed, everything that it observed ends', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'driven-'));
      try {
        const script = `setsid sleep 1000 & echo $! $$ > ${folder}/new; mv ${folder}/new ${folder}/pids; sleep 1000`;
        const driver = spawn(process.execPath, [DRIVER, under.name, ...shell(script)], { stdio: 'ignore' });
        const ended = new Promise((resolve) => driver.once('exit', resolve));
        const pids = async () =>
          (await readFile(join(folder, 'pids'), 'utf8').catch(() => '')).trim().split(' ').map(Number);
        await until(async () => (await pids()).length === 2, 'the driven command runs');
        const [first = 0, second = 0] = await pids();
        expect([await isRunning(first), await isRunning(second)]).toEqual([true, true]);
        const engine = await under.engineOf(second);
        driver.kill('SIGKILL');
        await ended;
        for (const pid of [first, second, engine]) await until(async () => !(await isRunning(pid)), `${pid} is gone`);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  });
}
