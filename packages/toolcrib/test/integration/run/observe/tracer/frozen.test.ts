import { access, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { probeTracer } from '../../../../../src/run/observe/tracer/probe.ts';
import { createTracerObserver } from '../../../../../src/run/observe/tracer/tracer-observer.ts';
import { callsOf, started, until } from '../../../../contract/run/observed-command.ts';
import { requireOrSkip, type Requirement } from '../../../../servers/require.ts';
import { tracerPath } from './traced.ts';

const FREEZER = '/sys/fs/cgroup/freezer';

/** Of version 1: what version 2 freezes can be killed, so a machine with that alone lacks nothing. */
async function needs(): Promise<Requirement> {
  const probe = await probeTracer();
  if ('reason' in probe) return requireOrSkip(probe.reason);
  const hasFreezer = await exists(join(FREEZER, 'cgroup.procs'));
  return { skip: !hasFreezer, meta: hasFreezer ? {} : { skipReason: 'no freezer of cgroups v1' } };
}

describe('a tracer that is frozen', await needs(), () => {
  test.each([
    ['while its command runs, which is killed before it', 'sleep 1000', { exitCode: null, signal: 9 }],
    ['before its command ends', 'while [ ! -e frozen ]; do sleep 0.1; done; exit 3', { exitCode: 3, signal: null }],
  ])('%s, is given up some time after it was killed, and the run ended early', async (_, work, end) => {
    const observer = createTracerObserver({ tracer: await tracerPath(), drainMs: 100 });
    await using running = await started(observer, ['/bin/sh', '-c', `echo $PPID > tracer; ${work}`], {
      ownGroup: true,
    });
    const calls = callsOf(running.run);
    const file = join(running.folder, 'tracer');
    await until(async () => (await text(file)).endsWith('\n'), 'the command has told its parent');
    await using _frozen = await freeze((await text(file)).trim());
    await writeFile(join(running.folder, 'frozen'), '');
    if (end.exitCode === null) running.run.kill('SIGKILL');
    await calls;
    expect(await running.run.end).toEqual(end);
    expect(await running.run.capture).toMatchObject({ endedEarly: true, accounts: [] });
  });
});

async function freeze(pid: string): Promise<AsyncDisposable> {
  const group = join(FREEZER, `toolcrib-test-${pid}`);
  const state = join(group, 'freezer.state');
  await mkdir(group);
  await writeFile(join(group, 'cgroup.procs'), pid);
  await writeFile(state, 'FROZEN');
  await until(async () => (await text(state)) === 'FROZEN\n', 'it is frozen');
  return {
    async [Symbol.asyncDispose]() {
      await writeFile(state, 'THAWED');
      await until(async () => (await text(join(group, 'tasks'))) === '', 'it is gone');
      await rmdir(group);
    },
  };
}

async function text(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
