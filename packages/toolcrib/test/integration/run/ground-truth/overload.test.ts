import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTracerObserver } from '../../../../src/run/observe/tracer/tracer-observer.ts';
import { probeTracer } from '../../../../src/run/observe/tracer/probe.ts';
import type { CaptureReport } from '../../../../src/run/observe/observer.ts';
import { createNormaliser } from '../../../../src/run/normalise/normaliser.ts';
import { createSurfaceBuilder } from '../../../../src/run/reports/capability-surface.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { captureRecord } from '../../../../src/run/reports/capture-record.ts';
import { fidelityVerdict } from '../../../../src/run/reports/fidelity-verdict.ts';
import { kernelHealth } from '../../../../src/run/reports/kernel-health.ts';
import { contractOnlyHealth } from '../../../../src/run/reports/observation-health.ts';
import { observerMissing, openObserver } from '../../../contract/run/open-observer.ts';
import { observe } from '../../../contract/run/observed-command.ts';
import { fixedKey } from '../../../unit/run/fixed.ts';
import { requireOrSkip } from '../../../servers/require.ts';
import { programsMissing } from '../../build/samples.ts';
import { compile } from './workload.ts';

const missing =
  (await programsMissing('gcc')) ?? (await observerMissing('tracer')) ?? (await observerMissing('strace'));

describe('under overload', requireOrSkip(missing), () => {
  let folder: string;
  let program: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'overload-'));
    program = join(folder, 'overload');
    await compile(join(import.meta.dirname, 'programs/overload.c'), program);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const accountOf = (capture: CaptureReport) => {
    const opens = capture.accounts.find(({ hook }) => hook === 'openat');
    const missed = capture.accounts.reduce((all, account) => all + account.missed, 0);
    return { emitted: opens?.emitted ?? 0, dropped: opens?.dropped ?? 0, missed };
  };

  test.each([
    ['of the usual size', undefined],
    ['that is far too small', 1 << 14],
  ])('every open is told or counted as lost, with a buffer %s', async (_name, bufferBytes) => {
    const probe = await probeTracer();
    if ('reason' in probe) throw new Error(probe.reason);
    const observer = createTracerObserver({ tracer: probe.tracer, ...(bufferBytes !== undefined && { bufferBytes }) });
    const { calls, capture, stdout } = await observe(observer, [program]);
    const { emitted, dropped, missed } = accountOf(capture);
    expect(calls.filter(({ call }) => call === 'openat')).toHaveLength(emitted);
    const performed = Number(stdout);
    expect(performed).toBeGreaterThan(10_000);
    expect(emitted + dropped + missed).toBe(performed);
    if (bufferBytes !== undefined) expect(dropped).toBeGreaterThan(0);
    expect(verdictOf(capture, calls)).toBe(dropped + missed > 0 ? 'clipped' : 'clean');
  });

  test('strace slows the command down instead, and loses nothing', async () => {
    const { capture, stdout } = await observe(await openObserver('strace', {}), [program]);
    expect(accountOf(capture)).toEqual({ emitted: Number(stdout), dropped: 0, missed: 0 });
  });
});

/** What a reader of the archive of such a run is told. */
function verdictOf(report: CaptureReport, calls: Awaited<ReturnType<typeof observe>>['calls']): string {
  const redactor = { text: (_field: string, text: string) => text };
  const normaliser = createNormaliser({ runId: 'run', redactor, surface: createSurfaceBuilder(), raw: false });
  for (const call of calls) normaliser.take(call);
  const record = captureRecord({
    ...{ runId: 'run', requested: 'ebpf', tier: 'ebpf', refusals: [], drainMs: 0, perturbations: [], logs: [] },
    observed: { report, counts: normaliser.counts() },
    redacted: (text) => text,
  });
  const redaction = createRedactor(fixedKey).summary();
  return fidelityVerdict({ ...contractOnlyHealth('run', 'linux', redaction), ...kernelHealth(record) }).verdict;
}
