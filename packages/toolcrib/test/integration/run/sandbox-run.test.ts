import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Transform } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { RemoteError } from '../../../src/core/errors.ts';
import { createHost } from '../../../src/flows/host.ts';
import { injectInto } from '../../../src/flows/inject-tool.ts';
import { openTracer } from '../../../src/flows/open-observers.ts';
import { openSandbox } from '../../../src/flows/open-sandbox.ts';
import { openProject } from '../../../src/flows/project.ts';
import { readArchive, type ArchiveInspection } from '../../../src/flows/read-archive.ts';
import { createSandboxCommands } from '../../../src/flows/sandbox-command.ts';
import type { Sandbox, SandboxProcess } from '../../../src/sandboxes/sandbox.ts';
import { callsOf } from '../../contract/run/observed-command.ts';
import { startDockerDaemon } from '../../servers/docker-daemon.ts';
import { docker, dockerAvailable, startContainer } from '../../servers/docker.ts';
import { podmanAvailable, podmanSockets, startPodmanContainer } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { programsMissing } from '../build/samples.ts';
import { startCli, startRedirected, type CliEnd, type CliOptions, type StartedCli } from '../cli/command-line.ts';
import { sandboxToolsProject } from '../flows/sandbox-tools.ts';

const missing =
  (process.getuid?.() === 0 ? undefined : 'the kernel is observed by root') ??
  (await programsMissing('apt-get', 'dpkg-deb', 'npm')) ??
  (await dockerAvailable('toolcrib-test/busybox', 'toolcrib-test/debian')) ??
  (await podmanAvailable('rootful'));

let project = '';
let directory = '';
let archives = 0;

const host = () => createHost({ env: { TOOLCRIB_CACHE_DIR: join(directory, 'cache') }, cwd: project });

interface RecordedCli {
  readonly end: CliEnd;
  readonly archive: ArchiveInspection;
}

function start(
  sandbox: string,
  command: readonly string[],
  options: readonly string[] = [],
  { env = {}, stdin = '' }: Partial<Pick<CliOptions, 'env' | 'stdin'>> = {},
): StartedCli & { readonly recorded: Promise<RecordedCli> } {
  const file = join(directory, `${(archives += 1)}.tar.gz`);
  const place = sandbox === '' ? [] : ['--sandbox', sandbox];
  const cli = startCli(['run', '-o', file, ...place, ...options, '--', ...command], {
    cwd: project,
    env: { ...env, TOOLCRIB_CACHE_DIR: join(directory, 'cache') },
    stdin,
  });
  const recorded = cli.end.then(async (end) => {
    const archive = await readArchive(host(), file).catch((error: unknown) => {
      throw new Error(end.stderr, { cause: error });
    });
    return { end, archive };
  });
  recorded.catch(() => undefined);
  return { ...cli, recorded };
}

const run = (...args: Parameters<typeof start>): Promise<RecordedCli> => start(...args).recorded;
const sh = (script: string): readonly string[] => ['sh', '-c', script];

describe('a run in a sandbox', requireOrSkip(missing), () => {
  beforeAll(async () => {
    project = (await sandboxToolsProject()).folder;
    directory = await mkdtemp(join(tmpdir(), 'toolcrib-sandbox-run-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  async function expectRecorded(sandbox: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const script = 'cat > /tmp/in; cat /tmp/in; (setsid ls /tmp > /tmp/listed &); echo no >&2; exit 5';
    const { end, archive } = await run(sandbox, sh(script), ['--kernel', 'ebpf'], { env, stdin: 'what goes in\n' });
    expect(end).toMatchObject({ code: 5, stdout: 'what goes in\n' });
    expect(end.stderr).toMatch(/(^|\n)no\n/);
    expect(end.stderr).not.toContain('toolcrib-hold');
    expect(archive.findings).toEqual([]);
    const { surface, health, injection } = archive.reports;
    expect(surface?.filesystem_paths).toEqual(expect.arrayContaining(['/tmp/in', '/tmp/listed']));
    // Programs of busybox that are started by name are busybox again.
    expect(surface?.process_execs).toEqual(['/bin/sh', '/proc/self/exe']);
    expect(health).toMatchObject({ kernel_layer: 'complete', cgroup_correlation: 'clean' });
    const told = { exit_code: 5, signal: null };
    const ended = { asked: null, kernel: told, tool: told };
    expect(injection).toMatchObject({ sandbox, tool: 'sandbox-tools', after: 'running', ended });
    expect(injection?.anchor).toMatchObject({ pid: expect.any(Number) as number, by_engine: true });
  }

  test('of Docker is seen from outside, with its input, outputs, exit code, and the placement that started it', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    await expectRecorded(`docker:${container.name}`);
  });

  test('of Podman is seen likewise', async () => {
    await using container = await startPodmanContainer('rootful', { image: 'toolcrib-test/busybox' });
    await expectRecorded(`podman:${container.name}`, { CONTAINER_HOST: `unix://${podmanSockets.rootful}` });
  });

  test('of an engine with cgroup v2 is seen likewise', async () => {
    await using daemon = await startDockerDaemon('toolcrib-test/busybox', [], { unifiedCgroups: true });
    await daemon.docker(
      'run',
      '--detach',
      '--name',
      'unified',
      '--network',
      'none',
      'toolcrib-test/busybox',
      'sleep',
      '600',
    );
    expect(await daemon.docker('info', '--format', '{{.CgroupVersion}}')).toBe('2');
    await expectRecorded('docker:unified', { DOCKER_HOST: `unix://${daemon.socket}` });
    await daemon.docker('rm', '--force', 'unified');
  });

  test('has the surface of the same command on this machine', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/debian' });
    const script =
      'cat /etc/passwd > /tmp/surface-of-a-run; cat /etc/absent; ls /var/lib | wc -l; rm /tmp/surface-of-a-run; head -n 1 /etc/group';
    const inside = await run(`docker:${container.name}`, ['/bin/sh', '-c', script]);
    const outside = await run('', ['/bin/sh', '-c', script]);
    const sets = ({ archive }: RecordedCli) => {
      const { filesystem_paths, process_execs, network_endpoints } = archive.reports.surface ?? {};
      return { filesystem_paths, process_execs, network_endpoints };
    };
    expect(sets(inside).filesystem_paths?.length).toBeGreaterThan(3);
    expect(sets(inside)).toEqual(sets(outside));
  });

  test('whose container dies is recorded as one that did not succeed', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const started = start(`docker:${container.name}`, sh('echo here; sleep 600'));
    await started.said('here');
    await docker('kill', container.name);
    const { end, archive } = await started.recorded;
    expect(end.code).toBe(125);
    expect(end.stderr).toContain('is not running any more');
    expect(archive.findings).toEqual([]);
    expect(archive.summary).toMatchObject({ exitCode: null, success: false });
    expect(archive.reports.injection?.after).toBe('gone');
  });

  test.each([
    ['a directory that is not there', 'auto', ['--cwd', '/nosuch'], ['true'], 125, '/nosuch is not a directory'],
    ['the same unwatched', 'off', ['--cwd', '/nosuch'], ['true'], 125, '/nosuch is not a directory'],
    ['a user who is not there', 'ebpf', ['--user', 'nobodyxx'], ['true'], 125, 'name a user that the sandbox has'],
    ['the same unwatched', 'off', ['--user', 'nobodyxx'], ['true'], 125, 'name a user that the sandbox has'],
    ['a program that is not there', 'ebpf', [], ['nosuchprogram'], 127, 'did not find it'],
    ['the same unwatched', 'off', [], ['nosuchprogram'], 127, 'did not find it'],
    ['one that cannot be executed unwatched', 'off', [], ['/tmp'], 126, 'could not execute it'],
  ])('that was not started for %s (%s) is recorded as that', async (_what, kernel, place, command, code, why) => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const { end, archive } = await run(`docker:${container.name}`, command, ['--kernel', kernel, ...place]);
    expect(end.code, end.stderr).toBe(code);
    expect(end.stderr.split(why)).toHaveLength(2);
    expect(end.stderr).not.toContain('kernel of this machine');
    expect(end.stderr).not.toContain('what became of the command');
    expect(archive.findings).toEqual([]);
    expect(archive.summary).toMatchObject({ exitCode: null, signal: null, success: false });
    expect(archive.summary.spawnError).toContain(why);
    expect(archive.reports.capture?.refusals ?? []).toEqual([]);
    expect(archive.verdict?.verdict).toBe('not_applicable');
  });

  test.each(['ebpf', 'off'])(
    'whose command says 127 itself has that exit code, whatever it writes: %s',
    async (kernel) => {
      await using container = await startContainer({ image: 'toolcrib-test/busybox' });
      const script = 'echo "sandbox-tools hold: sh: not found in the PATH of the sandbox" >&2; exit 127';
      const { end, archive } = await run(`docker:${container.name}`, sh(script), ['--kernel', kernel]);
      expect(end.code).toBe(127);
      expect(archive.summary).toMatchObject({ exitCode: 127, spawnError: null });
    },
  );

  test.each(['ebpf', 'off'])(
    'whose reader goes away is ended by that, as it would be on this machine, and recorded: --kernel %s',
    async (kernel) => {
      await using container = await startContainer({ image: 'toolcrib-test/busybox' });
      const script = 'sleep 4711 & while echo 1; do sleep 0.1; done';
      const started = start(`docker:${container.name}`, sh(script), ['--kernel', kernel]);
      await once(started.process.stdout, 'data');
      started.process.stdout.destroy();
      const { end, archive } = await started.recorded;
      expect(end.code).toBe(141);
      expect(archive).toMatchObject({ findings: [], summary: { exitCode: null, signal: 13 } });
      expect(await docker('top', container.name)).not.toContain('sleep 4711');
    },
  );

  test('whose output cannot be written is ended, recorded, and exits with 125', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const file = join(directory, 'full.tar.gz');
    const args = ['run', '--kernel', 'off', '-o', file, '--sandbox', `docker:${container.name}`, '--'];
    const env = { TOOLCRIB_CACHE_DIR: join(directory, 'cache') };
    const end = await startRedirected('/dev/full', [...args, ...sh('echo 1; sleep 60')], { cwd: project, env });
    expect(end.code).toBe(125);
    expect(end.stderr).toMatch(/the command had run: signal 15 ended it\n(?:.*\n)*.*cannot write .*ENOSPC/);
    expect(await readArchive(host(), file)).toMatchObject({ findings: [], summary: { signal: 15 } });
  });

  test('whose time is up leaves nothing in the container, and has the signal that ended it', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const script = 'trap "" TERM; (setsid sleep 4711 &); sleep 4711';
    const { end, archive } = await run(`docker:${container.name}`, sh(script), ['--timeout', '1']);
    expect(end.code).toBe(137);
    expect(archive).toMatchObject({ findings: [], summary: { timedOut: true, exitCode: null, signal: 9 } });
    expect(archive.reports.injection?.ended).toMatchObject({ asked: 15, tool: { exit_code: null, signal: 9 } });
    expect(await docker('top', container.name, '-eo', 'pid,args')).not.toContain('4711');
  });

  const KILL_THE_TOOL = 'kill -KILL $PPID';

  test('whose tool is killed there, and which goes on, has no outcome', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const killTheTool = `${KILL_THE_TOOL}; echo on > /tmp/goes-on; sleep 30`;
    const { end, archive } = await run(`docker:${container.name}`, sh(killTheTool), ['--drain', '1']);
    expect(end.code).toBe(125);
    expect(end.stderr).toContain('what became of the command there is not known');
    expect(archive.findings).toEqual([]);
    expect(archive.summary).toMatchObject({ exitCode: null, signal: null, success: false });
    expect(archive.reports.injection).toMatchObject({
      after: 'running',
      ended: { asked: null, kernel: null, tool: null },
    });
    expect(archive.verdict?.verdict).toBe('clipped');
  });

  test.each([
    ['an exit code', 'exit 0', { exit_code: 0, signal: null }, 0],
    ['a signal', 'kill -9 $$', { exit_code: null, signal: 9 }, 137],
  ])('whose tool is killed there ended as the kernel saw it: by %s', async (_how, last, seen, code) => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const script = sh(`${KILL_THE_TOOL}; sleep 1; ${last}`);
    const { end, archive } = await run(`docker:${container.name}`, script, ['--kernel', 'ebpf']);
    expect(end.code, end.stderr).toBe(code);
    expect(archive.findings).toEqual([]);
    expect(archive.summary).toMatchObject({ exitCode: seen.exit_code, signal: seen.signal, success: code === 0 });
    expect(archive.reports.injection?.ended).toEqual({ asked: null, kernel: seen, tool: null });
    expect(archive.verdict?.verdict).toBe('clean');
  });

  test('whose tool is killed there unwatched has no outcome, whatever became of it', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const script = sh(`${KILL_THE_TOOL}; sleep 1; exit 0`);
    const options = ['--kernel', 'off', '--policy-log', join(directory, 'absent')];
    const { end, archive } = await run(`docker:${container.name}`, script, options);
    expect(end.code).toBe(125);
    expect(end.stderr).toContain('what became of the command there is not known');
    expect(end.stderr).toContain('the command had run: how it ended is not known');
    expect(archive.findings).toEqual([]);
    expect(archive.summary).toMatchObject({ exitCode: null, signal: null, success: false });
  });

  test.each(['ebpf', 'off'])(
    'that a signal ends is told from one that exits with its code: --kernel %s',
    async (kernel) => {
      await using container = await startContainer({ image: 'toolcrib-test/busybox' });
      const killed = await run(`docker:${container.name}`, sh('kill -9 $$'), ['--kernel', kernel]);
      const exited = await run(`docker:${container.name}`, sh('printf words >&2; exit 137'), ['--kernel', kernel]);
      expect(killed.end.code).toBe(137);
      expect(killed.archive).toMatchObject({ findings: [], summary: { exitCode: null, signal: 9 } });
      expect(exited.end.code).toBe(137);
      expect(exited.archive).toMatchObject({ findings: [], summary: { exitCode: 137, signal: null } });
      expect(exited.end.stderr).toMatch(/words$/);
      const told = { exit_code: 137, signal: null };
      const ended = { asked: null, kernel: kernel === 'off' ? null : told, tool: told };
      expect(exited.archive.reports.injection?.ended).toEqual(ended);
    },
  );

  test('cannot tell an end of its own in the place of its tool', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const forged = `printf '\\036toolcrib-hold exited 0 ${'0'.repeat(64)}\\n' >&2`;
    // Who reads what the tool tells keeps it from the host: then nobody knows.
    const script = sh(`${forged}; (cat /proc/self/fd/2 > /tmp/read &) ; sleep 0.5; exit 3`);
    const { end, archive } = await run(`docker:${container.name}`, script, ['--kernel', 'off']);
    expect([3, 125]).toContain(end.code);
    expect([3, null]).toContain(archive.summary.exitCode);
    expect(archive.findings).toEqual([]);
    const intrude = '(readlink /proc/$PPID/fd/0 || head -c 1 /proc/$PPID/environ) || echo denied >&2';
    const plain = await run(`docker:${container.name}`, sh(`${forged}; ${intrude}; exit 3`), ['--kernel', 'off']);
    expect(plain.end).toMatchObject({ code: 3, stdout: '' });
    expect(plain.end.stderr).toContain('denied');
    expect(plain.end.stderr).toContain(`toolcrib-hold exited 0 ${'0'.repeat(64)}`);
  });

  test('that ends otherwise than its time being up wants has the end that was seen', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const script = sh('trap "exit 4" TERM; while :; do sleep 0.1; done');
    const { end, archive } = await run(`docker:${container.name}`, script, ['--timeout', '1', '--kernel', 'off']);
    expect(end.code).toBe(4);
    expect(archive).toMatchObject({ findings: [], summary: { exitCode: 4, signal: null, timedOut: true } });
  });

  const STOP_THE_TOOL = 'kill -STOP $PPID';
  const LOOP = 'while kill -STOP $P; do :; done';
  const AGAIN_AND_AGAIN = `export P=$PPID; kill -STOP $P; (setsid sh -c '${LOOP}' </dev/null >/dev/null 2>&1 &); sleep 0.5`;

  test.each([
    ['for once, tells it when it goes on', STOP_THE_TOOL, { exit_code: 5, signal: null }],
    ['again and again, is killed, and the kernel has told it', AGAIN_AND_AGAIN, null],
  ])('whose tool is stopped there has the end of its command: one that is, %s', async (_how, script, tool) => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const { end, archive } = await run(`docker:${container.name}`, sh(`${script}; exit 5`), ['--kernel', 'ebpf']);
    expect(end.code, end.stderr).toBe(5);
    expect(archive.findings).toEqual([]);
    const ended = { asked: null, kernel: { exit_code: 5, signal: null }, tool };
    expect(archive.reports.injection?.ended).toEqual(ended);
    expect(archive.verdict?.verdict).toBe('clean');
    expect(await docker('top', container.name)).not.toContain('hold --');
  });

  test('whose tool is stopped there, and cannot be reached, has the end that the kernel saw', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const untold = { isProcess: () => Promise.resolve(undefined) };
    await using place = await commandsIn(container.name, () => untold, { clock: hasty(host().clock) });
    const command = { ...TOUCH, command: sh(`${STOP_THE_TOOL}; exit 5`) };
    const running = await place.commands.observer(await openTracer(1000)).start(command);
    if ('code' in running) throw new Error(running.reason);
    await callsOf(running);
    expect(await running.capture).toMatchObject({ end: { exitCode: 5, signal: null }, endedEarly: true });
    expect(place.commands.accounts().tool).toBeNull();
  });

  test.each([
    ['ebpf', 143, 15],
    ['off', 125, null],
  ])('whose tool is stopped there ends when its time is up: --kernel %s', async (kernel, code, signal) => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const options = ['--timeout', '1', '--kernel', kernel];
    const { end, archive } = await run(`docker:${container.name}`, sh(`${STOP_THE_TOOL}; sleep 4711`), options);
    expect(end.code).toBe(code);
    expect(archive.summary).toMatchObject({ timedOut: true, exitCode: null, signal });
    expect(archive.findings).toEqual([]);
    if (kernel === 'ebpf') expect(await docker('top', container.name)).not.toMatch(/4711|hold --/);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'unwatched whose tool is stopped there ends some time after a %s, and nobody knows how the command does',
    async (signal) => {
      await using container = await startContainer({ image: 'toolcrib-test/busybox' });
      const script = sh(`${STOP_THE_TOOL}; echo stopped; exit 5`);
      const started = start(`docker:${container.name}`, script, ['--kernel', 'off']);
      await started.said('stopped');
      const begun = performance.now();
      started.process.kill(signal);
      const { end, archive } = await started.recorded;
      expect(performance.now() - begun).toBeLessThan(30_000);
      expect(end.code).toBe(125);
      expect(archive).toMatchObject({ findings: [], summary: { exitCode: null, signal: null } });
    },
  );

  test('says of a decision log that nobody knows who may have written it', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const log = join(directory, 'decisions.ndjson');
    await writeFile(log, `${JSON.stringify(DECISION)}\n`);
    const { archive } = await run(`docker:${container.name}`, sh('true'), ['--policy-log', log]);
    expect(archive.reports.capture?.logs).toMatchObject([{ command_could_write: true }]);
  });

  test('is refused where strace was asked for, which does not reach there', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const started = start(`docker:${container.name}`, sh('echo ran > /tmp/ran'), ['--kernel', 'ptrace']);
    const { code, stderr } = await started.end;
    expect(code).toBe(125);
    expect(stderr).toContain('does not reach into');
    expect(await docker('exec', container.name, 'ls', '/tmp')).not.toContain('ran');
  });

  const TOUCH = { command: sh('touch /tmp/ran; cat'), cwd: '/', env: {}, stdio: 'inherit', ownGroup: false } as const;

  /** Commands of a container, with an input of their own; its processes may be told otherwise than its engine does. */
  async function commandsIn(
    container: string,
    told: (process: SandboxProcess) => Partial<SandboxProcess> = () => ({}),
    { clock }: { readonly clock: Clock } = host(),
  ) {
    const opened = await openSandbox(host(), `docker:${container}`);
    const { placement } = await injectInto(opened, await openProject(host()), host());
    const exec: Sandbox['exec'] = async (request) => {
      const process = await opened.exec(request);
      return { ...process, ...told(process) };
    };
    const [stdin, stdout] = [new PassThrough(), new PassThrough()];
    stdin.end('kept\n');
    const commands = createSandboxCommands({
      ...{ placement, stdin, stdout, stderr: new PassThrough(), clock, random: () => SECRET },
      sandbox: { ...opened, exec },
      examine: () => Promise.resolve('running'),
      drainMs: 0,
    });
    return { commands, stdout, [Symbol.asyncDispose]: () => opened.close() };
  }

  test('on a kernel that is not this one is not started for an observer, and keeps its input for a run without', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    await using place = await commandsIn(container.name);
    const blind = place.commands.observer({ attach: () => Promise.resolve(nothingSeen()) });
    await expect(blind.start(TOUCH)).rejects.toMatchObject({ code: 'NOT_OBSERVABLE' });
    expect(await docker('exec', container.name, 'ls', '/tmp')).not.toContain('ran');
    const { end } = await place.commands.start(TOUCH);
    expect(await end).toEqual({ exitCode: 0, signal: null });
    expect(String(place.stdout.read())).toBe('kept\n');
  });

  test.each([
    ['away', ''],
    ['away, and writes something else,', 'sandbox-tools: no such directory\n'],
  ])(
    'is started when somebody there reads %s what its tool says first, and nobody knows how it ends',
    async (_how, words) => {
      await using container = await startContainer({ image: 'toolcrib-test/busybox' });
      const told = ({ stderr }: SandboxProcess) => ({ stderr: stderr.pipe(stolen(words)) });
      await using place = await commandsIn(container.name, told, { clock: hasty(host().clock) });
      const { end } = await place.commands.start(TOUCH);
      expect(await end).toEqual({ exitCode: null, signal: null });
      expect(place.commands.hasRun()).toBe(true);
      expect(await docker('exec', container.name, 'ls', '/tmp')).toContain('ran');
    },
  );

  test('is not started for an observer that another process of the sandbox showed itself to', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    await using place = await commandsIn(container.name);
    const tracer = await openTracer(1000);
    const deceived = place.commands.observer({
      async attach() {
        const nonce = 'ab'.repeat(32);
        const attachment = await tracer.attach(nonce);
        await docker('exec', container.name, 'sh', '-c', `cat /${nonce}; true`);
        return attachment;
      },
    });
    const message = expect.stringContaining('another process of') as string;
    await expect(deceived.start(TOUCH)).rejects.toMatchObject({ code: 'NOT_OBSERVABLE', message });
    expect(await docker('exec', container.name, 'ls', '/tmp')).not.toContain('ran');
    expect(place.commands.anchor()).toBeUndefined();
  });

  test('whose tool tells another end than the kernel saw has the one that the kernel saw', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    await using place = await commandsIn(container.name, ({ stderr }) => ({ stderr: stderr.pipe(lying()) }));
    const running = await place.commands.observer(await openTracer(1000)).start(TOUCH);
    if ('code' in running) throw new Error(running.reason);
    await callsOf(running);
    const seen = { exitCode: 0, signal: null };
    expect((await running.capture).end).toEqual(seen);
    expect(place.commands.accounts()).toEqual({ asked: null, kernel: seen, tool: { exitCode: 3, signal: null } });
  });

  test('of several threads ends as the last of them, also where another is kept from ending before it', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const program = join(directory, 'workload');
    const source = join(import.meta.dirname, 'observe/tracer/workload.c');
    await promisify(execFile)('gcc', ['-O1', '-static', '-o', program, source, '-lpthread']);
    await docker('cp', program, `${container.name}:/workload`);
    const { end, archive } = await run(`docker:${container.name}`, ['/workload', 'held-thread'], ['--kernel', 'ebpf']);
    expect(end.code, end.stderr).toBe(5);
    const told = { exit_code: 5, signal: null };
    expect(archive.reports.injection?.ended).toEqual({ asked: null, kernel: told, tool: told });
  });

  test.each([
    ['counts processes otherwise is seen, and says that it was not told', () => Promise.resolve(undefined), undefined],
    ['cannot be asked is not started', () => Promise.reject(new RemoteError('UNREACHABLE', 'gone')), 'does not tell'],
  ])('whose engine %s', async (_name, isProcess, refusal) => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    await using place = await commandsIn(container.name, () => ({ isProcess }));
    const started = place.commands.observer(await openTracer(1000)).start(TOUCH);
    if (refusal !== undefined) {
      await expect(started).rejects.toThrow(refusal);
      return;
    }
    const running = await started;
    if ('code' in running) throw new Error(running.reason);
    const calls = await callsOf(running);
    expect(calls.length).toBeGreaterThan(0);
    expect(place.commands.anchor()).toMatchObject({ isEngines: false });
  });
});

/** Time that is up sooner. */
function hasty(clock: Clock): Clock {
  return { ...clock, sleep: (ms, signal) => clock.sleep(ms / 5, signal) };
}

/** What is random in every run of a test. */
const SECRET = Buffer.alloc(32, 7);

/** What is heard of a tool where its announcement is taken away. @param words in its place. */
function stolen(words: string): Transform {
  let isFirst = true;
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      done(null, isFirst ? words : piece);
      isFirst = false;
    },
  });
}

/** Tells that a command exited with 3 where its tool tells 0. */
function lying(): Transform {
  const seal = createHmac('sha256', SECRET).update('exited 3').digest('hex');
  return new Transform({
    transform(piece: Buffer, _encoding, done) {
      done(null, piece.toString('latin1').replace(/hold exited 0 [0-9a-f]{64}/, `hold exited 3 ${seal}`));
    },
  });
}

const DECISION = {
  specversion: '1.0',
  id: 'a',
  type: 'assay.tool.decision',
  source: 'gate',
  data: { tool: 'read', tool_call_id: 'call_1', decision: 'allow' },
};

/** What an observer of another kernel tells. */
function nothingSeen() {
  return {
    anchor: Promise.resolve(undefined),
    calls: (async function* () {
      await Promise.resolve();
      yield* [];
    })(),
    capture: Promise.withResolvers<never>().promise,
    stop: () => undefined,
  };
}
