import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probeTracer } from '../../../../../src/run/observe/tracer/probe.ts';
import { createTracerObserver } from '../../../../../src/run/observe/tracer/tracer-observer.ts';
import { callsOf, started } from '../../../../contract/run/observed-command.ts';
import { requireOrSkip } from '../../../../servers/require.ts';
import { isAlive, until } from '../../living-process.ts';
import { tracerPath } from './traced.ts';

const run = promisify(execFile);
const probe = await probeTracer();

/** Sets `tracer` and `guard`: the command's parent, and its other child. */
const FIND = `tracer=$PPID
for stat in /proc/[0-9]*/stat; do
  read -r pid _ _ parent _ < $stat 2> /dev/null || continue
  if [ "$parent" = $tracer ] && [ $pid != $$ ]; then guard=$pid; fi
done
echo $tracer $guard $$`;

/** It takes back that it ends with its tracer, kills that, and goes on. */
const OUTLIVE = `
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int count, char **arguments) {
  if (count != 2) return 1;
  prctl(PR_SET_PDEATHSIG, 0);
  kill(atoi(arguments[1]), SIGKILL);
  sleep(600);
  return 3;
}`;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'toolcrib-outlive-'));
  const compiling = run('gcc', ['-x', 'c', '-o', join(folder, 'outlive'), '-']);
  compiling.child.stdin?.end(OUTLIVE);
  await compiling;
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** What the shell wrote of the processes, and what came of the run. */
async function shell(script: string, drainMs = 200) {
  const observer = createTracerObserver({ tracer: await tracerPath(), drainMs });
  await using running = await started(observer, ['/bin/sh', '-c', `${FIND}\n${script}`]);
  await callsOf(running.run);
  const [end, capture, { stdout }] = await Promise.all([running.run.end, running.run.capture, running.output()]);
  const [tracer = 0, guard = 0, command = 0] = stdout.trim().split(' ').map(Number);
  expect(guard).toBeGreaterThan(0);
  return { end, capture, tracer, guard, command };
}

/** What of programs in the kernel a process holds. */
function bpfDescriptors(pid: number): readonly string[] {
  const descriptors = readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`));
  return descriptors.filter((target) => target.startsWith('anon_inode:bpf'));
}

describe('a tracer whose command speaks to it', requireOrSkip('reason' in probe ? probe.reason : undefined), () => {
  test('and outlives it has no end that is known, and is ended', async () => {
    const { end, capture, command } = await shell(`kill -9 $guard; exec ${folder}/outlive $tracer`);
    expect(end).toEqual({ exitCode: null, signal: null, fate: 'gone' });
    expect(capture).toMatchObject({ endedEarly: true });
    expect(isAlive(command)).toBe(false);
  });

  test('and stops its guard and kills it leaves neither of them', async () => {
    const { end, command, guard } = await shell(`kill -STOP $guard; exec ${folder}/outlive $tracer`);
    expect(end).toEqual({ exitCode: null, signal: null, fate: 'gone' });
    expect([isAlive(command), isAlive(guard)]).toEqual([false, false]);
  });

  test('and stops its guard ends as ever, with it', async () => {
    const { end, capture, guard } = await shell('kill -STOP $guard; exit 3');
    expect(end).toEqual({ exitCode: 3, signal: null });
    expect(capture).toMatchObject({ endedEarly: false, attribution: 'proven' });
    expect(isAlive(guard)).toBe(false);
  });

  test('and kills its guard ends as ever', async () => {
    const { end, capture } = await shell('kill -9 $guard; sleep 0.1; exit 3');
    expect(end).toEqual({ exitCode: 3, signal: null });
    expect(capture).toMatchObject({ endedEarly: false, attribution: 'proven' });
  });

  test('has a guard that keeps of what is in the kernel only what finds the tagged', async () => {
    const observer = createTracerObserver({ tracer: await tracerPath(), drainMs: 200 });
    await using running = await started(observer, ['/bin/sh', '-c', `${FIND}\nsleep 600`]);
    const calls = callsOf(running.run);
    let numbers: readonly number[] = [];
    await until(() => {
      numbers = readFileSync(join(running.folder, 'stdout'), 'utf8').trim().split(' ').map(Number);
      return numbers.length === 3;
    });
    const [tracer = 0, guard = 0] = numbers;
    expect(bpfDescriptors(tracer).length).toBeGreaterThan(10);
    expect([...bpfDescriptors(guard)].sort()).toEqual([
      'anon_inode:bpf-map',
      'anon_inode:bpf_link',
      'anon_inode:bpf_link',
    ]);
    expect(readdirSync(`/proc/${guard}/fd`)).toHaveLength(4);
    running.run.kill('SIGKILL');
    await calls;
  });
});
