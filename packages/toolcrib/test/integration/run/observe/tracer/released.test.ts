import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SandboxError } from '../../../../../src/core/errors.ts';
import type { CommandOptions } from '../../../../../src/run/child-process.ts';
import type { ObservedCall } from '../../../../../src/run/observe/observed-call.ts';
import { probeTracer } from '../../../../../src/run/observe/tracer/probe.ts';
import { startTracer } from '../../../../../src/run/observe/tracer/tracer-process.ts';
import { createTracerObserver } from '../../../../../src/run/observe/tracer/tracer-observer.ts';
import { startObserved, type StartedRun } from '../../../../../src/run/start-observed.ts';
import { requireOrSkip } from '../../../../servers/require.ts';
import { block, record, startedRecord, TABLE } from '../../../../unit/run/observe/tracer/stream-writer.ts';
import { compileWorkloads, tracerPath, type Workloads } from './traced.ts';

const probe = await probeTracer();
const STARTED = block(0, [startedRecord(2, { version: 3, pid: 4_194_305, attachTime: 0n, table: TABLE })]);

/** Of a tracer that was killed nobody knows how its command ended. */
const UNKNOWN = { exitCode: null, signal: null };

describe('a command that was released', requireOrSkip('reason' in probe ? probe.reason : undefined), () => {
  let workloads: Workloads;
  let folder: string;
  beforeAll(async () => {
    workloads = await compileWorkloads();
    folder = await mkdtemp(join(tmpdir(), 'released-'));
  });
  afterAll(async () => {
    await workloads[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  /** Starts a command by a tracer, or by what would come next. */
  async function startBy(tracer: string, command: readonly string[], output = '/dev/null'): Promise<StartedRun> {
    const [nothing, file] = [openSync('/dev/null', 'r+'), openSync(output, 'a')];
    const options: CommandOptions = {
      command,
      cwd: folder,
      env: process.env,
      stdio: [nothing, file, nothing],
      ownGroup: true,
    };
    const open = () => Promise.resolve(createTracerObserver({ tracer }));
    try {
      return await startObserved(
        {
          requested: 'auto',
          choices: [{ tier: 'ebpf', open }],
          start: () => Promise.reject(new SandboxError('NOT_OBSERVABLE', 'it was started a second time', {})),
        },
        options,
        { verifyWanted: () => undefined, launched: () => undefined },
      );
    } finally {
      closeSync(nothing);
      closeSync(file);
    }
  }

  /** A tracer that says what it is given, and ends. */
  async function saying(said: Uint8Array): Promise<string> {
    const [program, file] = [join(folder, 'tracer'), join(folder, 'said')];
    await writeFile(file, said);
    await writeFile(program, `#!/bin/sh\ncat ${file} >&3\nkill -9 $$\n`, { mode: 0o755 });
    return program;
  }

  async function expectEndedEarly({ observed, tier }: StartedRun): Promise<void> {
    const calls: ObservedCall[] = [];
    for await (const call of observed?.calls ?? []) calls.push(call);
    expect(tier).toBe('ebpf');
    expect(await observed?.end).toMatchObject(UNKNOWN);
    expect(await observed?.capture).toMatchObject({ endedEarly: true });
  }

  test('ran once and ended early when the first that it does is to kill the tracer', async () => {
    const output = join(folder, 'output');
    for (let round = 0; round < 5; round++) {
      await rm(output, { force: true });
      await expectEndedEarly(await startBy(await tracerPath(), [workloads.program, 'kill-parent'], output));
      expect(['', 'runs\n']).toContain(await readFile(output, 'utf8'));
    }
  });

  test('is told before it can do anything, and told again when it cannot be started', async () => {
    const args = ['--', '/no/such/program'];
    const tracer = startTracer({ executable: await tracerPath(), args, env: {}, stdio: 'ignore', silenceMs: 10_000 });
    tracer.stream.resume();
    expect(await tracer.first).toMatchObject({ kind: 'started' });
    expect(await tracer.released()).toEqual({ kind: 'failed', isCommand: true, error: 2, what: 'exec' });
  });

  test('may have run when the tracer ends before it tells what came of that', async () => {
    const started = await startBy(await saying(STARTED), ['/bin/true']);
    expect(started.observed).toBeDefined();
    expect(await started.observed?.end).toMatchObject(UNKNOWN);
  });

  test('may have run when nobody understands what the tracer says', async () => {
    await expectEndedEarly(await startBy(await saying(Buffer.alloc(32, 1)), ['/bin/true']));
  });

  test('may have run when the tracer fails after that, whatever it says', async () => {
    const failed = block(1, [record(6, Buffer.from([2, 0, 0, 0, 12, 0, 0, 0]))]);
    const started = await startBy(await saying(Buffer.concat([STARTED, failed])), ['/bin/true']);
    expect(await started.observed?.end).toMatchObject(UNKNOWN);
  });

  test('did not run when the tracer ends before it says anything', async () => {
    await expect(startBy(await saying(Buffer.alloc(0)), ['/bin/true'])).rejects.toThrow('a second time');
  });
});
