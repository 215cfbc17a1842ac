import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObservedCall } from '../../../../../src/run/observe/observed-call.ts';
import { probeTracer } from '../../../../../src/run/observe/tracer/probe.ts';
import { createTracerObserver } from '../../../../../src/run/observe/tracer/tracer-observer.ts';
import { isRunning, until } from '../../../../contract/run/observed-command.ts';
import { requireOrSkip } from '../../../../servers/require.ts';
import { compileWorkloads, tracerPath, type Workloads } from './traced.ts';

const probe = await probeTracer();
const shell = (script: string): readonly string[] => ['/bin/sh', '-c', script];

const opened = (calls: readonly ObservedCall[], name: string): readonly ObservedCall[] =>
  calls.filter((call) => call.kind === 'open' && call.path.given?.endsWith(name));

describe('the tracer follows tasks', requireOrSkip('reason' in probe ? probe.reason : undefined), () => {
  let workloads: Workloads;
  let folder: string;
  beforeAll(async () => {
    workloads = await compileWorkloads();
    folder = await mkdtemp(join(tmpdir(), 'tasks-'));
  });
  afterAll(async () => {
    await workloads[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  test('into another cgroup, and tells in which they are', async () => {
    const unified = (await stat('/sys/fs/cgroup/cgroup.procs').catch(() => undefined)) ? '' : 'unified';
    const cgroup = join('/sys/fs/cgroup', unified, `toolcrib-test-${randomBytes(8).toString('hex')}`);
    await mkdir(cgroup);
    try {
      const script = `: < /etc/issue; echo $$ > ${cgroup}/cgroup.procs; : < /etc/hostname`;
      const { calls } = await workloads.trace(shell(script));
      const { ino } = await stat(cgroup);
      expect(opened(calls, '/etc/issue')[0]?.cgroupId).not.toBe(ino);
      expect(opened(calls, '/etc/hostname')[0]?.cgroupId).toBe(ino);
    } finally {
      await until(
        () =>
          rmdir(cgroup).then(
            () => true,
            () => false,
          ),
        'the cgroup is empty',
      );
    }
  });

  test('into another root, and tells where their paths lie for the rest of the mount namespace', async () => {
    await mkdir(join(folder, 'root/bin'), { recursive: true });
    const { calls } = await workloads.trace(['chroot', join(folder, 'root'), '/missing']);
    const { calls: opens } = await workloads.trace([
      'python3',
      '-c',
      `import os\nos.chroot("${folder}/root")\nos.chdir("/bin")\nfor name in ["/bin", "/no", "no"]:\n  try: os.open(name, 0)\n  except OSError: pass`,
    ]);
    const missing = calls.filter((call) => call.kind === 'exec' && call.path.given === '/missing');
    expect(missing).toMatchObject([{ path: { absolute: `${folder}/root/missing` }, result: -2 }]);
    const [bin, absolute, relative] = opens.filter((call) => call.kind === 'open').slice(-3);
    expect(bin).toMatchObject({ path: { given: '/bin', absolute: `${folder}/root/bin` } });
    expect(absolute).toMatchObject({ path: { given: '/no', absolute: `${folder}/root/no` } });
    expect(relative).toMatchObject({ path: { given: 'no', absolute: `${folder}/root/bin/no` } });
  });

  test('of many short processes, all of them', async () => {
    const { calls, capture } = await workloads.trace(shell('i=0; while [ $i -lt 300 ]; do (exit 3); i=$((i+1)); done'));
    const forks = calls.filter((call) => call.call === 'fork').map((call) => call.result);
    const exits = calls.filter((call) => call.call === 'exit' && call.result === 3).map((call) => call.pid);
    expect(forks).toHaveLength(300);
    expect(exits).toEqual(forks);
    expect(capture.survivors).toBe(0);
  });

  test('and counts them as they are counted where it runs', async () => {
    const wrapper = join(folder, 'tracer-in-a-namespace');
    await writeFile(wrapper, `#!/bin/sh\nexec unshare --pid --fork --mount-proc ${await tracerPath()} "$@"\n`);
    await chmod(wrapper, 0o755);
    const { calls } = await workloads.trace(shell(`echo $$ > ${folder}/pid; (exit 4); true`), { tracer: wrapper });
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
    expect(pid).toBeLessThan(100);
    expect(calls[0]).toMatchObject({ kind: 'exec', pid });
    const fork = calls.find((call) => call.call === 'fork');
    expect(calls).toContainEqual(expect.objectContaining({ call: 'exit', pid: fork?.result, result: 4 }));
  });

  test('and ends them all when the tracer itself is killed, with its group, whatever session they are in', async () => {
    const observer = createTracerObserver({ tracer: await tracerPath() });
    const script = `setsid sh -c 'echo $$ > ${folder}/one; sleep 1000' & sleep 1000`;
    const run = await observer.start({
      command: shell(script),
      cwd: folder,
      env: process.env,
      stdio: 'inherit',
      ownGroup: true,
    });
    if ('code' in run) throw new Error(run.reason);
    const calls: ObservedCall[] = [];
    for await (const call of run.calls) {
      calls.push(call);
      // Both sleep: the tracer is the parent of the first.
      const sleeping = calls.filter(
        (one) => one.kind === 'exec' && one.path.given?.endsWith('/sleep') && one.result === 0,
      );
      if (call.kind === 'exec' && sleeping.length === 2) process.kill(await parentOf(calls[0]?.pid ?? 0), 'SIGKILL');
    }
    expect(await run.capture).toMatchObject({ endedEarly: true, survivors: undefined });
    const pids = [...new Set(calls.map((call) => call.pid))];
    for (const pid of pids) await until(async () => !(await isRunning(pid)), `${pid} is gone`);
  });

  test('of a sandbox from the task on that opens a path with the nonce', async () => {
    const observer = createTracerObserver({ tracer: await tracerPath() });
    const nonce = randomBytes(32).toString('hex');
    // Before: whoever opens it is the anchor.
    await writeFile(join(folder, `shown-${nonce}`), '');
    const attachment = await observer.attach(nonce);
    const script = `cat /etc/issue; : < ${folder}/shown-${nonce}; read go; cat /etc/hostname; (setsid sh -c "sleep 0.1; cat /etc/debian_version" &)`;
    const child = spawn('/bin/sh', ['-c', `(${script}); true`], { stdio: ['pipe', 'ignore', 'ignore'] });
    const anchor = await attachment.anchor;
    child.stdin.end('\n');
    const calls: ObservedCall[] = [];
    for await (const call of attachment.calls) calls.push(call);
    expect(await parentOf(anchor?.pid ?? 0).catch(() => undefined)).toBeUndefined();
    expect(opened(calls, '/etc/issue')).toEqual([]);
    expect(opened(calls, nonce)).toEqual([]);
    expect(opened(calls, '/etc/hostname')).toHaveLength(1);
    expect(opened(calls, '/etc/debian_version')).toHaveLength(1);
    expect(calls[0]).toMatchObject({ call: 'fork', pid: anchor?.pid });
    expect(await attachment.capture).toMatchObject({ attribution: 'proven', endedEarly: false, survivors: 0 });
  });

  test('of a sandbox, of which nobody knows how many live on when the tracer is killed', async () => {
    const own = async (): Promise<readonly number[]> =>
      (await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')).split(' ').map(Number);
    const before = await own();
    const observer = createTracerObserver({ tracer: await tracerPath() });
    const attachment = await observer.attach(randomBytes(32).toString('hex'));
    const [tracer = 0] = (await own()).filter((pid) => !before.includes(pid));
    process.kill(tracer, 'SIGKILL');
    for await (const call of attachment.calls) expect(call).toBeUndefined();
    expect(await attachment.capture).toMatchObject({ endedEarly: true, survivors: undefined });
  });

  test('of a sandbox until it is told to stop', async () => {
    const observer = createTracerObserver({ tracer: await tracerPath() });
    const unused = await observer.attach(randomBytes(32).toString('hex'));
    unused.stop();
    expect(await unused.anchor).toBeUndefined();
    for await (const call of unused.calls) throw new Error(`${call.call} is nobody's`);
    expect(await unused.capture).toMatchObject({ endedEarly: true });
  });
});

async function parentOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^PPid:\s*(?<pid>\d+)$/m.exec(status)?.groups?.['pid']);
}
