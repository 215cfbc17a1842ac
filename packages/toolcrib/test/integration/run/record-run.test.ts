import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { openSync, closeSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { SandboxError } from '../../../src/core/errors.ts';
import { verifyArchive } from '../../../src/run/archive/verify.ts';
import { archiveBytes, createArchiveDraft, type SealedArchive } from '../../../src/run/archive/write.ts';
import {
  startCommand,
  type CommandOptions,
  type RunningCommand,
  type SpawnError,
} from '../../../src/run/child-process.ts';
import { exitStatusOf } from '../../../src/run/exit-status.ts';
import { createEphemeralKey } from '../../../src/run/redaction/key.ts';
import type { ForwardedSignal } from '../../../src/run/follow-command.ts';
import { recordRun, type RecordRunOptions, type RunOutcome } from '../../../src/run/record-run.ts';
import { outcomeSchema } from '../../../src/run/run-outcome.ts';
import type { CaptureReport, ObservedCommand, ObservedRun, Observer } from '../../../src/run/observe/observer.ts';
import { createRunSpec } from '../../../src/run/run-spec.ts';
import type { KernelCapture } from '../../../src/run/start-observed.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { isAlive, until } from './living-process.ts';

const clock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  },
};

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'toolcrib-run-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A run with the content of its archive. */
interface Recorded extends RunOutcome {
  readonly archive: ReadonlyMap<string, string>;
  /** Of the whole archive file. */
  readonly bytes: Uint8Array;
}

/** Runs with its output in a file `output`, which only the command writes to. */
async function run(
  command: readonly string[],
  options: Partial<RecordRunOptions> = {},
  spec: { env?: Record<string, string> } = {},
): Promise<Recorded> {
  const output = openSync(join(directory, 'output'), 'w');
  const draft = createArchiveDraft({ directory });
  try {
    const outcome = await recordRun({
      spec: createRunSpec(command, { platform: 'linux', random: randomBytes, ...spec }),
      cwd: directory,
      env: process.env,
      stdio: [0, output, output],
      clock,
      redactionKey: createEphemeralKey(randomBytes),
      draft,
      ...options,
    });
    return { ...outcome, ...(await contentOf(await draft.seal(outcome.spec.run_id))) };
  } finally {
    closeSync(output);
    await draft.discard();
  }
}

async function contentOf(sealed: SealedArchive): Promise<Pick<Recorded, 'archive' | 'bytes'>> {
  const archive = new Map<string, string>();
  for (const { path, bytes } of sealed) {
    archive.set(path, bytes instanceof Uint8Array ? Buffer.from(bytes).toString() : (await collect(bytes)).toString());
  }
  return { archive, bytes: await collect(archiveBytes(sealed)) };
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

function member(outcome: Recorded, path: string): string {
  return outcome.archive.get(path) ?? 'no such member';
}

function everythingOf(outcome: Recorded): string {
  return [...outcome.archive.values()].join('');
}

function events(outcome: Recorded): readonly unknown[] {
  return member(outcome, 'events.ndjson')
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

async function findingsOf(outcome: Recorded): Promise<readonly unknown[]> {
  return (await verifyArchive(outcome.bytes)).findings;
}

describe('a recorded run', () => {
  test('has a start and an end, and an archive that verifies and claims nothing that was not watched', async () => {
    const outcome = await run(['sh', '-c', 'echo out; exit 3', 'sh']);
    expect(outcome).toMatchObject({ exitCode: 3, signal: null, success: false, timedOut: false, spawnError: null });
    expect(events(outcome)).toMatchObject([
      {
        seq: 0,
        type: 'run_started',
        command: ['sh', '-c', 'echo out; exit 3', 'sh'],
        env_keys: [],
        window_elapsed_ms: 0,
      },
      { seq: 1, type: 'run_finished', exit_code: 3, signal: null, success: false },
    ]);
    for (const layer of ['kernel', 'policy', 'sdk']) expect(member(outcome, `layers/${layer}.ndjson`)).toBe('');
    expect(member(outcome, 'observation-health.json')).toContain('"kernel_layer":"absent"');
    expect(member(outcome, 'observation-health.json')).toContain('contract_only_mode');
    expect([...outcome.archive.keys()].filter((path) => path.startsWith('toolcrib/'))).toEqual([]);
    expect(await findingsOf(outcome)).toEqual([]);
    expect(exitStatusOf(outcome)).toBe(3);
  });

  test('leaves the standard streams to the command', async () => {
    await run(['sh', '-c', 'echo out; echo err >&2']);
    expect(await readFile(join(directory, 'output'), 'utf8')).toBe('out\nerr\n');
  });

  test('gives the command its variables and records their names, never a value, and no inherited name', async () => {
    const outcome = await run(
      ['sh', '-c', 'echo $ZED $A_NAME $INHERITED'],
      { env: { ...process.env, INHERITED: 'three' } },
      { env: { ZED: 'one', A_NAME: 'two' } },
    );
    expect(await readFile(join(directory, 'output'), 'utf8')).toBe('one two three\n');
    expect(events(outcome)[0]).toMatchObject({ env_keys: ['A_NAME', 'ZED'] });
    const everything = everythingOf(outcome);
    expect(everything).not.toContain('INHERITED":');
    expect(everything).not.toMatch(/"(one|two|three)"/);
  });

  test('hides secrets of the command line from the archive, not from the command', async () => {
    const key = `sk-${'a'.repeat(30)}`;
    const outcome = await run(['echo', '--token', 'hunter2', key]);
    expect(await readFile(join(directory, 'output'), 'utf8')).toBe(`--token hunter2 ${key}\n`);
    const everything = everythingOf(outcome);
    expect(everything).not.toContain('hunter2');
    expect(everything).not.toContain(key);
    expect(member(outcome, 'observation-health.json')).toContain('"redacted_count":2');
    expect(await findingsOf(outcome)).toEqual([]);
  });

  test('does not wait for what the command left running', async () => {
    const outcome = await run(['sh', '-c', 'sleep 60 & echo $!']);
    process.kill(Number(await readFile(join(directory, 'output'), 'utf8')));
    expect(outcome.exitCode).toBe(0);
  });

  test('of a command that was killed has the number of the signal', async () => {
    const outcome = await run(['sh', '-c', 'kill -9 $$']);
    expect(outcome).toMatchObject({ exitCode: null, signal: 9, success: false });
    expect(events(outcome)[1]).toMatchObject({ exit_code: null, signal: 9, success: false });
    expect([await findingsOf(outcome), exitStatusOf(outcome)]).toEqual([[], 137]);
  });
});

describe('a command that cannot be started', () => {
  async function recorded(command: readonly string[], status: number, reason: RegExp): Promise<void> {
    const outcome = await run(command);
    expect([outcome.exitCode, outcome.signal, outcome.success, exitStatusOf(outcome)]).toEqual([
      null,
      null,
      false,
      status,
    ]);
    expect(events(outcome)).toMatchObject([{ type: 'run_started' }, { exit_code: null, signal: null, success: false }]);
    const told = outcomeSchema.parse(JSON.parse(member(outcome, 'toolcrib/outcome.json')));
    expect(told.spawn_error).toMatch(reason);
    expect(told.timed_out).toBe(false);
    expect(await findingsOf(outcome)).toEqual([]);
  }

  test('because it is not there is recorded, and is 127', async () => {
    await recorded(
      ['no-such-program'],
      127,
      /^failed to spawn command "no-such-program": no such file or directory \(ENOENT\)$/,
    );
    await recorded([''], 127, /ENOENT/);
  });

  test('because it is not executable is recorded, and is 126', async () => {
    const path = join(directory, 'plain');
    await writeFile(path, 'text');
    await chmod(path, 0o644);
    await recorded([path], 126, /permission denied \(EACCES\)$/);
    await recorded([directory], 126, /EACCES/);
  });

  test('because its arguments are too long is recorded, and is 126', async () => {
    await recorded(['true', 'x'.repeat(4_000_000)], 126, /E2BIG/);
  });

  test('because an argument holds NUL is recorded without a word of it, and is 125', async () => {
    const outcome = await run(['echo', 'hunter2\0']);
    expect(exitStatusOf(outcome)).toBe(125);
    expect(member(outcome, 'toolcrib/outcome.json')).not.toContain('hunter2');
  });

  test('with a secret in its name is recorded without the secret', async () => {
    const outcome = await run(['https://me:hunter2@host/program']);
    expect(member(outcome, 'toolcrib/outcome.json')).toContain('url-userinfo');
    expect(everythingOf(outcome)).not.toContain('hunter2');
  });
});

describe('what is wrong before the start', () => {
  test('is a usage error and nothing runs', async () => {
    const touch = ['touch', join(directory, 'ran')];
    const errors = [
      await failureOfAsync(() => run([])),
      await failureOfAsync(() => run(touch, { cwd: join(directory, 'none') })),
      await failureOfAsync(() => {
        const spec = createRunSpec(touch, { platform: 'linux', random: randomBytes, runId: `sk-${'a'.repeat(30)}` });
        return run(touch, { spec });
      }),
      await failureOfAsync(() => run(touch, { signal: AbortSignal.abort() })),
    ];
    expect(errors.map(({ code }) => code)).toEqual(['RUN_SPEC_INVALID', 'USAGE', 'RUN_SPEC_INVALID', 'INTERRUPTED']);
    expect(existsSync(join(directory, 'ran'))).toBe(false);
  });
});

describe('a time limit', () => {
  test('that is not reached changes nothing', async () => {
    expect(await run(['true'], { timeoutMs: 60_000 })).toMatchObject({ exitCode: 0, timedOut: false });
  });

  test('ends a command by TERM, and the run says so', async () => {
    const outcome = await run(['sleep', '60'], { timeoutMs: 100 });
    expect(outcome).toMatchObject({ exitCode: null, signal: 15, success: false, timedOut: true });
    expect(JSON.parse(member(outcome, 'toolcrib/outcome.json'))).toEqual({ spawn_error: null, timed_out: true });
    expect([await findingsOf(outcome), exitStatusOf(outcome)]).toEqual([[], 143]);
  });

  test('ends a command that ignores TERM, with everything that it started, by KILL', async () => {
    const script = `trap '' TERM; sh -c 'trap "" TERM; echo $$ > grandchild; while :; do sleep 0.05; done' & echo $$ > child; wait; while :; do sleep 0.05; done`;
    const outcome = await run(['sh', '-c', script], { timeoutMs: 400, killGraceMs: 300 });
    expect(outcome).toMatchObject({ signal: 9, timedOut: true });
    const pids = await Promise.all(['child', 'grandchild'].map((name) => readFile(join(directory, name), 'utf8')));
    await until(() => pids.every((pid) => !isAlive(Number(pid))));
  });

  test('ends what a polite command leaves behind', async () => {
    const script = `sh -c 'trap "" TERM; echo $$ > grandchild; while :; do sleep 0.05; done' & wait`;
    const outcome = await run(['sh', '-c', script], { timeoutMs: 400, killGraceMs: 300 });
    expect(outcome).toMatchObject({ signal: 15, timedOut: true });
    const pid = Number(await readFile(join(directory, 'grandchild'), 'utf8'));
    await until(() => !isAlive(pid));
  });

  test('lets a command choose its own exit code', async () => {
    const outcome = await run(['sh', '-c', `trap 'exit 7' TERM; while :; do sleep 0.05; done`], { timeoutMs: 300 });
    expect(outcome).toMatchObject({ exitCode: 7, signal: null, timedOut: true });
  });
});

describe('signals', () => {
  test.each<[ForwardedSignal, number]>([
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
    ['SIGQUIT', 3],
  ])('%s reaches the command, and the run says so', async (signal, number) => {
    const started = join(directory, 'started');
    let send: (signal: ForwardedSignal) => void = () => undefined;
    let subscribed = 0;
    const signals = {
      subscribe: (listener: (signal: ForwardedSignal) => void) => {
        send = listener;
        subscribed += 1;
        return () => void (subscribed -= 1);
      },
    };
    const running = run(
      [
        'sh',
        '-c',
        `trap 'trap - ${signal.slice(3)}; kill -${signal.slice(3)} $$' ${signal.slice(3)}; touch started; while :; do sleep 0.05; done`,
      ],
      { signals },
    );
    await until(() => existsSync(started));
    send(signal);
    expect(await running).toMatchObject({ exitCode: null, signal: number, timedOut: false });
    expect(subscribed).toBe(0);
  });

  /** A source that has sent a signal when somebody listens, and sends more. */
  function sourceOf(first: readonly ForwardedSignal[] = []) {
    const listeners: ((signal: ForwardedSignal) => void)[] = [];
    return {
      send: (signal: ForwardedSignal) => listeners.forEach((listener) => listener(signal)),
      signals: {
        subscribe: (listener: (signal: ForwardedSignal) => void) => {
          listeners.push(listener);
          first.forEach(listener);
          return () => void listeners.splice(0);
        },
        reachesCommand: () => true,
      },
    };
  }

  /** What an observer would be that is started by the callback. */
  const observedBy = (open: () => Promise<Observer>): KernelCapture => ({
    requested: 'auto',
    choices: [{ tier: 'ebpf', open }],
  });
  /** A command that runs, as an observer has it that sees nothing. */
  const unseen = (running: RunningCommand | SpawnError): ObservedRun => {
    if ('code' in running) throw new Error(running.reason);
    const accounts: CaptureReport['accounts'] = [];
    const report = { attribution: 'proven', accounts, endedEarly: false, survivors: 0, attachMs: 0 } as const;
    return { ...running, calls: Readable.from([]), capture: Promise.resolve({ ...report, perturbations: [] }) };
  };
  const refusal = () => new SandboxError('NOT_OBSERVABLE', 'it cannot be observed');

  test('that come before the command is started end the run, and nothing is started', async () => {
    const { signals } = sourceOf(['SIGTERM']);
    const failure = await failureOfAsync(() => run(['touch', 'started'], { signals }));
    expect(failure).toMatchObject({ code: 'INTERRUPTED', details: { signal: 'SIGTERM' } });
    expect(existsSync(join(directory, 'started'))).toBe(false);
  });

  test('that this process has got and was not told of yet end the run, too', async () => {
    const signals = {
      subscribe: (listener: (signal: ForwardedSignal) => void) => {
        const onHangup = () => listener('SIGHUP');
        process.on('SIGHUP', onHangup);
        process.kill(process.pid, 'SIGHUP');
        return () => process.off('SIGHUP', onHangup);
      },
    };
    const failure = await failureOfAsync(() => run(['touch', 'started'], { signals }));
    expect(failure).toMatchObject({ code: 'INTERRUPTED', details: { signal: 'SIGHUP' } });
    expect(existsSync(join(directory, 'started'))).toBe(false);
  });

  test('that come while an observer is looked for, or end it as it starts, let nothing be started', async () => {
    for (const whenOpen of [true, false]) {
      const { send, signals } = sourceOf();
      const kernel = observedBy(() => {
        send('SIGINT');
        const start = () => Promise.reject(new Error('it was started'));
        return whenOpen ? Promise.resolve({ tier: 'ebpf', start }) : Promise.reject(refusal());
      });
      const failure = await failureOfAsync(() => run(['touch', 'started'], { signals, kernel }));
      expect(failure).toMatchObject({ code: 'INTERRUPTED', details: { signal: 'SIGINT' } });
    }
    expect(existsSync(join(directory, 'started'))).toBe(false);
  });

  test('that come while the command is being started reach it then, whoever they were for', async () => {
    const { send, signals } = sourceOf();
    const start = async (command: CommandOptions) => {
      send('SIGINT');
      return await startCommand(command);
    };
    const kernel: KernelCapture = { requested: 'off', choices: [], start };
    expect(await run(['sleep', '60'], { signals, kernel })).toMatchObject({ signal: 2 });
  });

  test('that come while an observer starts the command reach it then, unless it has had them', async () => {
    const startBy = async (launchedFirst: boolean) => {
      const { send, signals } = sourceOf();
      const start = async (command: ObservedCommand) => {
        if (launchedFirst) command.onLaunched?.();
        send('SIGINT');
        return await startCommand({ ...command, command: ['sh', '-c', 'sleep 0.5; exit 3'] });
      };
      const kernel = observedBy(() =>
        Promise.resolve({ tier: 'ebpf', start: (command) => start(command).then(unseen) }),
      );
      return await run(['true'], { signals, kernel });
    };
    expect(await startBy(false)).toMatchObject({ signal: 2 });
    expect(await startBy(true)).toMatchObject({ exitCode: 3 });
  });

  test('that their sender sent to the command, too, are not handed on once it runs', async () => {
    const { send, signals } = sourceOf();
    const running = run(['sh', '-c', 'touch started; sleep 0.5; exit 3'], { signals });
    await until(() => existsSync(join(directory, 'started')));
    await sleep(100);
    send('SIGINT');
    expect(await running).toMatchObject({ exitCode: 3, signal: null });
  });

  test('an abort before the start lets nothing be started, also where signals are handed on', async () => {
    const controller = new AbortController();
    const kernel = observedBy(() => {
      controller.abort();
      return Promise.reject(refusal());
    });
    const { signals } = sourceOf();
    const options = { signals, kernel, signal: controller.signal };
    expect(await failureOfAsync(() => run(['touch', 'started'], options))).toMatchObject({ code: 'INTERRUPTED' });
    expect(existsSync(join(directory, 'started'))).toBe(false);
  });

  test('an abort ends the command, and what was recorded is kept', async () => {
    const controller = new AbortController();
    const running = run(['sh', '-c', 'touch started; exec sleep 60'], { signal: controller.signal });
    await until(() => existsSync(join(directory, 'started')));
    controller.abort();
    const outcome = await running;
    expect(outcome).toMatchObject({ signal: 15, timedOut: false });
    expect(await findingsOf(outcome)).toEqual([]);
  });
});
