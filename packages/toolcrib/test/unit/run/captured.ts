import fc from 'fast-check';
import { createNormaliser } from '../../../src/run/normalise/normaliser.ts';
import type { ObservedCall } from '../../../src/run/observe/observed-call.ts';
import type { CaptureReport } from '../../../src/run/observe/observer.ts';
import { createRedactor } from '../../../src/run/redaction/redactor.ts';
import { createSurfaceBuilder } from '../../../src/run/reports/capability-surface.ts';
import { captureRecord, type CaptureFacts, type CaptureRecord } from '../../../src/run/reports/capture-record.ts';
import { fixedKey } from './fixed.ts';
import { anyCall } from './observed.ts';

/** What a recorded run was; what a test does not name went well. */
export interface Captured {
  readonly tier?: 'ebpf' | 'ptrace';
  readonly calls?: readonly ObservedCall[];
  readonly report?: Partial<CaptureReport>;
  readonly logs?: CaptureFacts['logs'];
}

export function captured({ tier = 'ebpf', calls = [], report = {}, logs = [] }: Captured = {}): CaptureRecord {
  const options = { redactor: createRedactor(fixedKey), surface: createSurfaceBuilder(), raw: false };
  const normaliser = createNormaliser({ runId: 'run_001', ...options });
  for (const call of calls) normaliser.take(call);
  const fine = {
    attribution: 'proven',
    accounts: accountsOf(calls),
    endedEarly: false,
    survivors: 0,
    perturbations: [],
    attachMs: 12,
  } as const;
  return captureRecord({
    runId: 'run_001',
    requested: 'auto',
    tier,
    refusals: [],
    observed: { report: { ...fine, ...report }, counts: normaliser.counts() },
    drainMs: 3,
    perturbations: [],
    logs,
    redacted: (text) => text,
  });
}

export function lost(dropped: number): CaptureReport['accounts'] {
  return [{ hook: 'openat', emitted: 5, dropped, unreadable: 0, missed: 0 }];
}

/** What hooks tell that saw these calls and lost nothing; one of them saw none. */
export function accountsOf(calls: readonly ObservedCall[]): CaptureReport['accounts'] {
  const accounts = Map.groupBy(calls, ({ call }) => call);
  const emitted = [...accounts].map(([hook, { length }]) => [hook, length] as const);
  return [...emitted, ['sys_enter', 0] as const].map(([hook, count]) => {
    return { hook, emitted: count, dropped: 0, unreadable: 0, missed: 0 };
  });
}

const anyLoss = fc.record({
  dropped: fc.constantFrom(0, 0, 0, 2),
  unreadable: fc.constantFrom(0, 0, 0, 1),
  missed: fc.constantFrom(0, 0, 0, 1),
});

/** Anything that a recorded run can be. */
export const anyCaptured: fc.Arbitrary<Captured> = fc
  .record({
    tier: fc.constantFrom('ebpf' as const, 'ptrace' as const),
    calls: fc.array(anyCall, { maxLength: 6 }),
    loss: anyLoss,
    report: fc.record({
      attribution: fc.constantFrom('proven' as const, 'proven' as const, 'proven' as const, 'doubtful' as const),
      endedEarly: fc.constantFrom(false, false, false, true),
      survivors: fc.constantFrom(0, 0, 0, 2),
      isCounted: fc.boolean(),
    }),
  })
  .map(({ loss, report: { isCounted, ...report }, ...run }) => {
    const accounts = accountsOf(run.calls).map((account, index) => (index === 0 ? { ...account, ...loss } : account));
    const survivors = isCounted || !report.endedEarly ? report.survivors : undefined;
    return { ...run, report: { ...report, survivors, accounts } };
  });
