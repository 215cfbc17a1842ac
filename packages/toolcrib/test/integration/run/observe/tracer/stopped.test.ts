import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { probeTracer } from '../../../../../src/run/observe/tracer/probe.ts';
import { createTracerObserver } from '../../../../../src/run/observe/tracer/tracer-observer.ts';
import { callsOf, started, until } from '../../../../contract/run/observed-command.ts';
import { requireOrSkip } from '../../../../servers/require.ts';
import { tracerPath } from './traced.ts';

const probe = await probeTracer();
const shell = (script: string): readonly string[] => ['/bin/sh', '-c', script];

describe('a tracer that the command has stopped', requireOrSkip('reason' in probe ? probe.reason : undefined), () => {
  test('is killed some time after the command was to be, and the run ended early', async () => {
    const observer = createTracerObserver({ tracer: await tracerPath(), drainMs: 100 });
    await using running = await started(observer, shell('kill -STOP $PPID; : > stopped; sleep 1000'), {
      ownGroup: true,
    });
    const calls = callsOf(running.run);
    await until(() => exists(join(running.folder, 'stopped')), 'the command has stopped the tracer');
    running.run.kill('SIGTERM');
    running.run.kill('SIGKILL');
    await calls;
    expect(await running.run.end).toEqual({ exitCode: null, signal: 9 });
    expect(await running.run.capture).toMatchObject({ endedEarly: true });
  });

  test('is killed some time after it was given a signal that it does not hand on', async () => {
    const observer = createTracerObserver({ tracer: await tracerPath(), drainMs: 100 });
    await using running = await started(observer, shell('kill -STOP $PPID; : > stopped; sleep 1000'));
    const calls = callsOf(running.run);
    await until(() => exists(join(running.folder, 'stopped')), 'the command has stopped the tracer');
    running.run.kill('SIGTERM');
    await calls;
    expect(await running.run.end).toEqual({ exitCode: null, signal: 9 });
    expect(await running.run.capture).toMatchObject({ endedEarly: true });
  });

  test('is killed some time after the command has ended unseen, and the run ended early, but as it did', async () => {
    const observer = createTracerObserver({ tracer: await tracerPath(), drainMs: 100 });
    await using running = await started(observer, shell('kill -STOP $PPID; exit 3'));
    await callsOf(running.run);
    expect(await running.run.end).toEqual({ exitCode: 3, signal: null });
    expect(await running.run.capture).toMatchObject({ endedEarly: true });
  });

  test('is killed some time after the command has ended, and the run ended early', async () => {
    const observer = createTracerObserver({ tracer: await tracerPath(), drainMs: 1000 });
    // Whoever is stopped does not reap: the child waits until the command is gone, so that its end was told.
    const waiting = 'while [ -d /proc/$$ ]; do sleep 0.01; done; kill -STOP $tracer; sleep 1000';
    await using running = await started(observer, shell(`tracer=$PPID; (${waiting}) & exit 3`));
    await callsOf(running.run);
    expect(await running.run.end).toEqual({ exitCode: 3, signal: null });
    expect(await running.run.capture).toMatchObject({ endedEarly: true });
  });
});

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
