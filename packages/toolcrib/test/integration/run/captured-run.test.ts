import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, copyFile, mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Notice } from '../../../src/core/reporter.ts';
import type { Host } from '../../../src/flows/host.ts';
import { readArchive, type ArchiveInspection } from '../../../src/flows/read-archive.ts';
import { recordRun, type RecordedRun, type RecordRunRequest } from '../../../src/flows/record-run.ts';
import { writeArchive } from '../../../src/flows/write-archive.ts';
import type { ForwardedSignal } from '../../../src/run/follow-command.ts';
import { captureRecordSchema, type CaptureRecord } from '../../../src/run/reports/capture-record.ts';
import { runCoverageSchema } from '../../../src/run/reports/run-coverage.ts';
import { secretRuleIn } from '../../../src/run/redaction/secret-shapes.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { SECRETS } from '../../unit/run/secrets.ts';
import { isAlive, until } from './living-process.ts';
import { recordingHost } from './recording-host.ts';

const needsStrace = spawnSync('strace', ['-V']).status === 0 ? undefined : 'strace is not installed';
const needsRoot = process.getuid?.() === 0 ? undefined : 'only root may load the kernel tracer';
const TIERS = [
  ['ebpf', requireOrSkip(needsRoot)],
  ['ptrace', requireOrSkip(needsStrace)],
] as const;

const RAW = 'toolcrib/kernel-raw.ndjson';

let directory = '';
let notices: Notice[] = [];
let host: Host;
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'toolcrib-captured-')));
  notices = [];
  host = hostWith({ PATH: process.env['PATH'], XDG_CONFIG_HOME: join(directory, 'config') });
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function hostWith(env: Host['env']): Host {
  return recordingHost(directory, env, notices);
}

/** A run and its archive, which verifies. */
interface Captured {
  readonly recorded: RecordedRun;
  readonly inspection: ArchiveInspection;
  readonly member: (path: string) => string;
  /** Of the kernel layer. */
  readonly values: (kind: string) => readonly unknown[];
  readonly capture: CaptureRecord;
}

async function record(command: readonly string[], more: Partial<RecordRunRequest>): Promise<Captured> {
  const recorded = await recordRun(host, { command, output: 'run.tar.gz', ...more });
  return { recorded, ...(await contentOf()) };
}

async function contentOf(): Promise<Omit<Captured, 'recorded'>> {
  const inspection = await readArchive(host, 'run.tar.gz');
  expect(inspection.findings).toEqual([]);
  const members = new Map<string, string>();
  const file = join(directory, 'run.tar.gz');
  const names = spawnSync('tar', ['tzf', file], { encoding: 'utf8' }).stdout.trim().split('\n');
  const member = (path: string): string => {
    if (!names.includes(path)) return 'no such member';
    const known =
      members.get(path) ?? spawnSync('tar', ['xzOf', file, path], { encoding: 'utf8', maxBuffer: 1e9 }).stdout;
    members.set(path, known);
    return known;
  };
  const capture = captureRecordSchema.parse(JSON.parse(member('toolcrib/capture.json')));
  const values = (kind: string): readonly unknown[] =>
    linesOf(member('layers/kernel.ndjson')).flatMap((line) => (line['kind'] === kind ? [line['value']] : []));
  return { inspection, member, values, capture };
}

function linesOf(text: string): readonly Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe.each(TIERS)('a run under %s', (kernel, requirement) => {
  describe('on this machine', requirement, () => {
    test('with a shim has the same layer each time, in which the log that was made for it does not show', async () => {
      const event = `{"schema":"assay.runner.sdk_event.v0","run_id":"r1","seq":0,"event_type":"run_finished","source":"agent"}`;
      const agent = ['sh', '-c', `printf '%s\\n' '${event}' >> "$ASSAY_RUNNER_SDK_EVENT_LOG"; cat /etc/hostname`];
      const recordIt = async (): Promise<Captured> => {
        const captured = await record(agent, { kernel, runId: 'r1', agentShim: 'openai-agents' });
        captured.member('layers/kernel.ndjson');
        await rm(join(directory, 'run.tar.gz'));
        return captured;
      };
      const [first, second] = [await recordIt(), await recordIt()];
      expect(first.inspection.summary.layers).toMatchObject({ sdk: 1 });
      const surface = first.inspection.reports.surface;
      expect(surface?.filesystem_paths).toContain('/etc/hostname');
      expect(surface?.filesystem_paths.filter((path) => path.includes('.toolcrib-'))).toEqual([]);
      expect(surface).toEqual(second.inspection.reports.surface);
      const told = (captured: Captured): string =>
        captured.member('layers/kernel.ndjson').replaceAll(/"(?:pid|cgroup_id)":\d+/g, '');
      expect(told(first)).toBe(told(second));
      expect(first.capture.perturbations.at(-1)).toContain('loads the agent shim openai-agents');
      expect((await readdir('/dev/shm')).filter((name) => name.includes(`-${process.pid}-`))).toEqual([]);
    });

    test('tells what was opened, started and changed, with the results, and nothing of what it hides', async () => {
      await writeFile(join(directory, 'input'), 'x');
      const script = 'exec 2> /dev/null; cat input > output; rm output; cat missing; exit 3';
      const { recorded, values, member, capture, inspection } = await record(['sh', '-c', script], { kernel });
      expect(recorded).toMatchObject({ exitCode: 3, exitStatus: 3, kernel });
      expect(values('exec')).toEqual(
        expect.arrayContaining([expect.stringMatching(/\/sh$/), expect.stringMatching(/\/cat$/)]),
      );
      expect(values('openat')).toEqual(['output', 'input', 'missing']);
      expect(member('layers/kernel.ndjson')).toContain('"status":"error"');
      expect(member('toolcrib/effects.ndjson')).toMatch(/"call":"unlink(?:at)?".*"given":"output"/);
      expect(member('toolcrib/kernel-raw.ndjson')).toBe('no such member');
      expect(capture).toMatchObject({ requested: kernel, tier: kernel, attribution: 'proven', ended_early: false });
      expect(inspection.verdict?.verdict).toBe(kernel === 'ebpf' ? 'clean' : 'correlation_partial');
      expect(inspection.summary.health).toMatchObject({ kernel_layer: 'complete', ringbuf_drops: 0 });
      const coverage = runCoverageSchema.parse(JSON.parse(member('toolcrib/coverage.json')));
      expect(coverage.descriptors.map(({ dimension }) => dimension)).toEqual(['filesystem', 'process']);
    });

    test('tells where a datagram went whose address names no family, and that a connect to none goes nowhere', async () => {
      const program = [
        'use Socket; socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;',
        'my $to = pack("S n C4 x8", 0, 9, 127, 0, 0, 1);',
        'defined send($s, "x", 0, $to) or die "send: $!"; connect($s, pack("S x14", 0)) or die "connect: $!";',
      ];
      const { recorded, member, inspection } = await record(['perl', '-e', program.join(' ')], { kernel, raw: true });
      expect(recorded.exitCode).toBe(0);
      expect(inspection.reports.surface?.network_endpoints).toEqual(['127.0.0.1:9']);
      expect(inspection.summary.health?.network_protocol_coverage).toBe('datagram_peer_observed');
      expect(member(RAW)).toContain('"call":"connect","peer":{"family":"other","number":0},"return_value":0');
    });

    test('names a program that was started by its descriptor, or says that nothing does', async () => {
      const program = [
        'open(my $file, "<", "/bin/true") or die; my ($name, $none) = ("true", "");',
        'my ($arguments, $environment) = (pack("p x8", $name), pack("x8"));',
        `syscall(${process.arch === 'x64' ? 322 : 281}, fileno($file), $none, $arguments, $environment, 0x1000); die`,
      ];
      const { recorded, values, capture } = await record(['perl', '-e', program.join(' ')], { kernel });
      expect(recorded.exitCode).toBe(0);
      expect(values('exec').at(-1)).toEqual(kernel === 'ebpf' ? expect.stringMatching(/\/true$/) : null);
      expect(capture.normaliser?.blind_spots).toEqual(kernel === 'ebpf' ? {} : { unnamed_exec: 1 });
    });

    test('knows that a mount moves what is hidden', requireOrSkip(needsRoot), async () => {
      const script = 'mkdir here && mount -t tmpfs none here && umount here';
      const { recorded, member } = await record(['unshare', '-m', 'sh', '-c', script], { kernel });
      expect(recorded.exitCode).toBe(0);
      const coverage = runCoverageSchema.parse(JSON.parse(member('toolcrib/coverage.json')));
      const spots = coverage.descriptors.find(({ dimension }) => dimension === 'filesystem')?.known_blind_spots;
      const codes = (spots ?? []).map((spot) => spot.split(':', 1)[0]);
      expect(codes).toEqual(expect.arrayContaining(['unshare', 'umount2']));
      // By the one interface or the other, as the host's mount does it.
      expect(codes.some((code) => code === 'mount' || code === 'move_mount')).toBe(true);
    });

    test('keeps everything on demand, also what the kernel layer leaves out', async () => {
      const { member, capture } = await record(['head', '-c', '0', '/etc/hostname'], { kernel, raw: true });
      const raw = linesOf(member('toolcrib/kernel-raw.ndjson'));
      expect(JSON.stringify(raw)).toContain('/etc/ld.so.cache');
      expect(member('layers/kernel.ndjson')).not.toContain('/etc/ld.so.cache');
      expect(raw).toHaveLength(capture.normaliser?.lines.raw ?? -1);
    });

    test('is refused when its raw member tells another story than its layers', async () => {
      const { recorded, member } = await record(['head', '-c', '0', '/etc/hostname'], { kernel, raw: true });
      const names = spawnSync('tar', ['tzf', recorded.archive], { encoding: 'utf8' }).stdout.trim().split('\n');
      const members = names
        .filter((path) => path !== 'manifest.json')
        .map((path) => ({ path, text: member(path) }))
        .map(({ path, text }) =>
          path === RAW ? { path, text: text.replace('/etc/hostname', '/etc/hostnamf') } : { path, text },
        )
        .map(({ path, text }) => ({ path, bytes: Buffer.from(text) }));
      await writeArchive(host, { runId: recorded.runId, members, output: 'changed.tar.gz' });
      const { findings } = await readArchive(host, 'changed.tar.gz');
      expect(findings.map(({ member: path, message }) => [path, message])).toEqual([
        [RAW, 'the kernel layer is not what the raw member comes to'],
      ]);
    });

    test('hides secrets of paths, programs, effects and sockets, and the whole archive is free of them', async () => {
      const names = SECRETS.map(([, secret]) => secret);
      const program = join(directory, names[0] ?? '');
      await copyFile('/bin/true', program);
      await chmod(program, 0o755);
      const script = `exec > /dev/null 2>&1; for name in "$@"; do cat "./$name"; mkdir "d $name"; ./"$name"; done; ./"$1"`;
      const connect = `const net = require('node:net'); net.connect({ path: ${JSON.stringify(join(directory, names[1] ?? ''))} }).on('error', () => {})`;
      const command = ['sh', '-c', `${script}; "$NODE" -e "$CONNECT"`, 'sh', ...names];
      const env = { NODE: process.execPath, CONNECT: connect };
      const { member } = await record(command, { kernel, raw: true, env });
      const everything = ['layers/kernel.ndjson', 'toolcrib/effects.ndjson', 'toolcrib/kernel-raw.ndjson'].map(member);
      for (const [rule, secret] of SECRETS) {
        expect(everything.join('')).not.toContain(secret);
        for (const text of everything) expect(text).toMatch(new RegExp(`<redacted:${rule}:[0-9a-f]{8}>`));
      }
      const others = ['events.ndjson', 'capability-surface.json', 'observation-health.json', 'toolcrib/capture.json'];
      for (const text of [...everything, ...others.map(member)]) expect(secretRuleIn(text)).toBeUndefined();
    });

    test.each([
      [['no-such-program'], 127, /ENOENT/],
      [['/etc/passwd'], 126, /EACCES/],
    ] as const)('of %s is recorded as a run that could not be started', async (command, status, reason) => {
      const { recorded, inspection, member } = await record(command, { kernel });
      expect(recorded).toMatchObject({ exitCode: null, signal: null, exitStatus: status });
      expect(member('toolcrib/outcome.json')).toMatch(reason);
      expect(inspection.summary.health?.kernel_layer).toBe('absent');
    });

    test('has the signal that ended the command', async () => {
      const { recorded } = await record(['sh', '-c', 'kill -9 $$'], { kernel });
      expect(recorded).toMatchObject({ exitCode: null, signal: 9, exitStatus: 137 });
    });

    test('ends a command whose time is up with all that it started, and says so', async () => {
      const script = `sh -c 'trap "" TERM; echo $$ > grandchild; while :; do sleep 0.05; done' & wait`;
      const { recorded } = await record(['sh', '-c', script], { kernel, timeout: 0.7, drain: 10 });
      expect(recorded).toMatchObject({ timedOut: true, signal: 15 });
      const pid = Number(readFileSync(join(directory, 'grandchild'), 'utf8'));
      await until(() => !isAlive(pid));
    });

    test('hands signals on to the command', async () => {
      let send: (signal: ForwardedSignal) => void = () => undefined;
      const signals = {
        subscribe: (listener: (signal: ForwardedSignal) => void) => {
          send = listener;
          return () => undefined;
        },
      };
      const script = `trap 'exit 42' TERM; touch started; while :; do sleep 0.05; done`;
      const running = record(['sh', '-c', script], { kernel, signals });
      await until(() => existsSync(join(directory, 'started')));
      send('SIGTERM');
      expect((await running).recorded).toMatchObject({ exitCode: 42 });
    });

    test('goes on until the last descendant is gone, whatever it left', async () => {
      const daemon = `sleep 0.5; cat ${directory}/late`;
      const script = `setsid sh -c '(${daemon}) > /dev/null 2>&1 &'; exit 0`;
      const { recorded, values, capture } = await record(['sh', '-c', script], { kernel });
      expect(recorded.exitCode).toBe(0);
      expect(values('openat')).toContain(`${directory}/late`);
      expect(capture).toMatchObject({ survivors: 0, ended_early: false });
      expect(capture.overhead.drain_ms ?? 0).toBeGreaterThan(0);
    });

    test('does not wait for descendants longer than was said, and says that they were left', async () => {
      const script = `sh -c 'echo $$ > daemon; exec sleep 30' > /dev/null 2>&1 & while ! test -s daemon; do sleep 0.01; done`;
      const { capture, inspection } = await record(['sh', '-c', script], { kernel, drain: 0.2 });
      expect(capture.survivors).toBe(1);
      expect(inspection.verdict?.verdict).toBe('clipped');
      const pid = Number(readFileSync(join(directory, 'daemon'), 'utf8'));
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      await until(() => !isAlive(pid));
    });

    test('counts a decision of a gate with what the kernel saw, and says whether the command could have written it', async () => {
      const data = { tool: 'read_file', tool_call_id: 'call_1', decision: 'allow' };
      const event = { type: 'assay.tool.decision', source: 'gate', data };
      await writeFile(join(directory, 'policy.ndjson'), `${JSON.stringify(event)}\n`);
      const { capture, member } = await record(['head', '-c', '0', '/etc/hostname'], {
        kernel,
        policyLog: 'policy.ndjson',
      });
      expect(capture.logs).toMatchObject([{ layer: 'policy' }]);
      const report = JSON.parse(member('correlation-report.json')) as { bindings: { kernel_event_count: number }[] };
      expect(report.bindings[0]?.kernel_event_count).toBe(capture.normaliser?.lines.kernel);
    });
  });
});

describe('an observer that is not there', () => {
  const nothing = { PATH: '/nowhere', XDG_CONFIG_HOME: '/nowhere' };

  test('starts nothing when it was asked for', async () => {
    host = hostWith(nothing);
    const touch = ['/usr/bin/touch', join(directory, 'ran')];
    const more = { kernel: 'ptrace', redactionKey: 'ephemeral' } as const;
    const failure = await failureOfAsync(() => record(touch, more));
    expect([failure.code, failure.message]).toEqual([
      'NOT_OBSERVABLE',
      'cannot observe the kernel by ptrace: strace is not installed, or not in PATH',
    ]);
    expect([existsSync(join(directory, 'ran')), existsSync(join(directory, 'run.tar.gz'))]).toEqual([false, false]);
  });
});

describe('a run without an observer', () => {
  test('that was chosen says that nothing was watched', async () => {
    await recordRun(host, { command: ['true'], output: 'run.tar.gz', kernel: 'off' });
    const { findings, summary, verdict } = await readArchive(host, 'run.tar.gz');
    expect([findings, summary.health?.kernel_layer, verdict?.verdict]).toEqual([[], 'absent', 'not_applicable']);
    expect(notices).toEqual([]);
  });
});

describe('the best observer', () => {
  test('is named, and why no better one was there', requireOrSkip(needsRoot ?? needsStrace), async () => {
    const { recorded, capture } = await record(['true'], { kernel: 'auto' });
    expect(notices).toEqual([{ kind: 'step', text: 'kernel observed by: ebpf' }]);
    expect([recorded.kernel, capture.requested, capture.tier]).toEqual(['ebpf', 'auto', 'ebpf']);
  });
});
