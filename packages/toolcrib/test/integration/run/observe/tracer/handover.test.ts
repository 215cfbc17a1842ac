import { closeSync, openSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createBlockParser } from '../../../../../src/run/observe/tracer/blocks.ts';
import { probeTracer } from '../../../../../src/run/observe/tracer/probe.ts';
import { startTracer } from '../../../../../src/run/observe/tracer/tracer-process.ts';
import { observe } from '../../../../contract/run/observed-command.ts';
import { createTracerObserver } from '../../../../../src/run/observe/tracer/tracer-observer.ts';
import { requireOrSkip } from '../../../../servers/require.ts';
import { tracerPath } from './traced.ts';

const probe = await probeTracer();

describe('what the tracer hands over', requireOrSkip('reason' in probe ? probe.reason : undefined), () => {
  test('comes a few times in a second, however often calls are made', async () => {
    const script = 'for time in $(seq 60); do : < /dev/null; sleep 0.01; done';
    const { blocks, elapsedMs } = await blocksOf(script);
    // Ten a second, and some at the end.
    expect(blocks).toBeLessThan(5 + elapsedMs / 60);
  });

  test('comes before the buffer is full, where calls are made fast', async () => {
    const observer = createTracerObserver({ tracer: await tracerPath(), bufferBytes: 1 << 20 });
    const script = 'time=0; while [ $time -lt 20000 ]; do : < /dev/null; time=$((time + 1)); done';
    const { capture } = await observe(observer, ['/bin/sh', '-c', script]);
    const opens = capture.accounts.find(({ hook }) => hook === 'openat');
    expect(opens?.emitted).toBeGreaterThanOrEqual(20_000);
    expect(opens).toMatchObject({ dropped: 0 });
  });
});

/** In how many blocks the calls of a command come, and how many milliseconds it took. */
async function blocksOf(script: string): Promise<{ readonly blocks: number; readonly elapsedMs: number }> {
  const nothing = openSync('/dev/null', 'r+');
  try {
    const tracer = startTracer({
      executable: await tracerPath(),
      args: ['--', '/bin/sh', '-c', script],
      env: process.env,
      stdio: [nothing, nothing, nothing],
      silenceMs: 30_000,
    });
    const begin = performance.now();
    const parser = createBlockParser();
    let blocks = 0;
    for await (const chunk of tracer.stream) if (Buffer.isBuffer(chunk)) blocks += parser.push(chunk).length;
    await tracer.gone;
    return { blocks, elapsedMs: performance.now() - begin };
  } finally {
    closeSync(nothing);
  }
}
