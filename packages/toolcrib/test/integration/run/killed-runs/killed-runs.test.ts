import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyArchive } from '../../../../src/run/archive/verify.ts';
import { requireOrSkip } from '../../../servers/require.ts';
import { startCli, toolcrib, type CliEnd, type StartedCli } from '../../cli/command-line.ts';
import { orphanedBpfObjects } from './bpf-objects.ts';
import { controlGroups } from './cgroups.ts';
import { commandLineOf, processesWith, type FoundProcess } from './processes.ts';
import { seededRandom } from './random.ts';

const RUNS_PER_TIER = 100;
/** As many go on at the same time. */
const AT_ONCE = 6;
const SEED = 5;
/** Milliseconds within which somebody is killed, after the start of the command line or of the command. */
const KILL_WITHIN_MS = 400;
const DEADLINE_MS = 20_000;

const VICTIMS = ['command', 'cli', 'observer'] as const;
type Victim = (typeof VICTIMS)[number];

/** It opens and starts things for half a minute; what is asked to stay goes into a session of its own. */
const COMMAND = `echo ready; [ -z "$STAY" ] || setsid sleep 61 & n=0; while [ $n -lt 600 ]; do cat "$0"; n=$((n+1)); sleep 0.05; done`;

let folder = '';
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'toolcrib-killed-')));
  await writeFile(join(folder, 'file'), '');
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** One run of which somebody is killed. */
interface KilledRun {
  readonly number: number;
  readonly kernel: 'ebpf' | 'ptrace';
  readonly victim: Victim;
  /** Whether the command runs already when the time begins. */
  readonly isRunning: boolean;
  readonly delayMs: number;
}

/** What is left when it is over. */
interface Aftermath {
  readonly end: CliEnd;
  /** Undefined: there is no archive. */
  readonly archive: Awaited<ReturnType<typeof verifyArchive>> | undefined;
}

async function killOne(run: KilledRun): Promise<Aftermath> {
  const name = `${run.kernel}-${run.number}`;
  const mark = `${folder}/${name}.mark`;
  // What the end of the CLI has to end, too. The end of the command, or of the tracer, need not end its descendants.
  const stay = run.victim === 'cli' ? ['--env', 'STAY=1'] : [];
  const options = ['--kernel', run.kernel, '--drain', '1', '--env', `MARK=${mark}`, ...stay];
  const args = ['run', '-o', `${name}.tar.gz`, ...options, '--', 'sh', '-c', COMMAND, `${folder}/file`];
  const cli = startCli(args, { cwd: folder, env: { TEST_MARK: mark } });
  if (run.isRunning) await within(DEADLINE_MS, `the start of ${name}`, cli.said('ready'));
  await sleep(run.delayMs);
  await kill(run, cli, mark);
  const end = await within(DEADLINE_MS, `the end of ${name}`, cli.end);
  await until(`nothing of ${name} is left`, () => processesWith(mark).length === 0);
  return { end, archive: await archiveOf(join(folder, `${name}.tar.gz`)) };
}

/**
 * Kills the victim as soon as it is there, and whatever takes its place: strace forks itself twice before it stays. A run
 * that ends before has been spared.
 */
async function kill(run: KilledRun, cli: StartedCli, mark: string): Promise<void> {
  const candidates = (): readonly number[] => {
    if (run.victim === 'cli') return cli.process.pid === undefined ? [] : [cli.process.pid];
    return processesWith(mark).map(({ pid }) => pid);
  };
  // To look at all takes a while, in which strace can become the command: each is looked at once more.
  const isStillVictim = (pid: number): boolean =>
    run.victim === 'cli' || isVictim(run, { pid, commandLine: commandLineOf(pid) }, cli);
  const hasEnded = (): boolean => cli.process.exitCode !== null || cli.process.signalCode !== null;
  await until(`the end of ${run.victim} of ${run.kernel}-${run.number}`, () => {
    for (const pid of candidates()) if (isStillVictim(pid)) killNow(pid);
    return hasEnded();
  });
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended in the meantime.
  }
}

function isVictim(run: KilledRun, { pid, commandLine }: FoundProcess, cli: StartedCli): boolean {
  if (pid === cli.process.pid) return false;
  const [program = ''] = commandLine;
  const isObserver = /(?:^|\/)(?:tracer[^/]*|strace)$/.test(program);
  return run.victim === 'observer' ? isObserver : program === 'sh' || program.endsWith('/sh');
}

/**
 * strace becomes the command: one that is killed right before has started nothing, one that is killed in the moment after
 * has started itself, and that was seen.
 */
function isCommandItself({ summary }: NonNullable<Aftermath['archive']>): boolean {
  return summary.signal === 9 && summary.layers.kernel <= 1;
}

async function archiveOf(path: string): Promise<Aftermath['archive']> {
  return existsSync(path) ? await verifyArchive(await readFile(path)) : undefined;
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`it did not happen in time: ${what}`);
    await sleep(20);
  }
}

async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = sleep(ms, undefined, { signal: over.signal }).then(() => {
    throw new Error(`it did not happen in time: ${what}`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
    late.catch(() => undefined);
  }
}

/** Runs of one tier with everything drawn by lot. */
function drawn(kernel: KilledRun['kernel']): readonly KilledRun[] {
  const random = seededRandom(SEED);
  return Array.from({ length: RUNS_PER_TIER }, (_, number) => ({
    ...{ number, kernel, delayMs: Math.floor(random() * KILL_WITHIN_MS) },
    isRunning: random() < 0.5,
    victim: VICTIMS[Math.floor(random() * VICTIMS.length)] ?? 'cli',
  }));
}

async function killAll(runs: readonly KilledRun[]): Promise<readonly (KilledRun & Aftermath)[]> {
  const waiting = [...runs];
  const done: (KilledRun & Aftermath)[] = [];
  const work = async (): Promise<void> => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift())
      done.push({ ...run, ...(await killOne(run)) });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return done;
}

const needsRoot =
  process.getuid?.() === 0 ? undefined : 'only root may load the kernel tracer, and look at other processes';

describe('killing the command, the command line or its observer at any time', requireOrSkip(needsRoot), () => {
  test.each(['ebpf', 'ptrace'] as const)(
    'under %s leaves no process, no file and nothing in the kernel, and an archive that is whole or none',
    { timeout: 300_000 },
    async (kernel) => {
      const before = orphanedBpfObjects();
      const groupsBefore = controlGroups();
      const runs = await killAll(drawn(kernel));
      for (const { archive, end, victim } of runs) {
        expect(archive?.findings ?? []).toEqual([]);
        if (victim === 'cli') continue;
        if (archive === undefined) expect(end.code, end.stderr).toBe(125);
        else if (end.code === 125)
          expect([victim, kernel, archive.summary.exitCode, archive.summary.signal]).toEqual([
            'observer',
            'ebpf',
            null,
            null,
          ]);
        if (victim === 'command') expect([end.code, archive?.summary.signal]).toEqual([137, 9]);
        else if (archive !== undefined && !isCommandItself(archive)) expect(archive.verdict?.verdict).toBe('clipped');
      }
      for (const victim of VICTIMS) expect(runs.filter((run) => run.victim === victim).length).toBeGreaterThan(20);
      await toolcrib(['run', '--kernel', 'off', '-o', `${kernel}-last.tar.gz`, '--', 'true'], { cwd: folder });
      expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      // What a process held that was killed goes a moment after it. Other tests make such objects at the same time, so it is
      // about those that are there now.
      const left = [...orphanedBpfObjects()].filter((object) => !before.has(object));
      await until(`nothing is left in the kernel: ${left.join(', ')}`, () => {
        const now = orphanedBpfObjects();
        return !left.some((object) => now.has(object));
      });
      const groups = [...controlGroups()].filter((group) => !groupsBefore.has(group));
      await until(`no control group is left: ${groups.join(', ')}`, () => {
        const now = controlGroups();
        return !groups.some((group) => now.has(group));
      });
    },
  );
});
