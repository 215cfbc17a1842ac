import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { claimReport, type ClaimReport } from '../../../../src/run/reports/claim-gate.ts';
import { claimWords } from '../../../../src/run/reports/claim-words.ts';
import { healthOfRun } from '../../../../src/run/reports/kernel-health.ts';
import { runCoverage } from '../../../../src/run/reports/run-coverage.ts';
import { anyCaptured, captured, type Captured } from '../captured.ts';
import { fixedKey } from '../fixed.ts';
import { connected, HOST } from '../observed.ts';

function report(run: Captured): ClaimReport {
  const capture = captured(run);
  const redaction = createRedactor(fixedKey).summary();
  const layers = { policyEvents: 0, sdkEvents: 1, notes: [] };
  const health = healthOfRun({ runId: 'run_001', platform: 'linux', redaction, capture, ...layers });
  return claimReport({ health, coverage: runCoverage(capture), capture });
}

function words(run: Captured): ReadonlyMap<string, readonly string[]> {
  return new Map(claimWords(report(run)).map(({ about, sentences }) => [about, sentences]));
}

describe('what may be claimed, in words', () => {
  test('says of each kind of claim whether it may be made, and why not', () => {
    const told = words({ calls: [connected(HOST)] });
    const connects = told.get('network: connect-time peer endpoints') ?? [];
    expect(connects[0]).toBe('may be claimed: one that is told happened');
    expect(connects[1]).toMatch(
      /^only with reservations: those that are told are all \(completeness is connect_only; /,
    );
    expect(connects[2]).toMatch(
      /^may not be claimed: one that is not told did not happen \(completeness is connect_only; /,
    );
    expect(told.get('decisions of a policy')).toEqual([
      'may not be claimed: the policy decided so (nothing was reported)',
    ]);
    expect(told.get("what the agent's SDK reported")).toEqual(['may be claimed: the SDK reported so']);
  });

  test('says once that nothing may be claimed', () => {
    expect(words({}).get('network: connect-time peer endpoints')).toEqual([
      'nothing may be claimed: the archive does not describe what was observed of it',
    ]);
    expect(words({ report: { attribution: 'doubtful' } }).get('filesystem: path opens')).toEqual([
      'nothing may be claimed: kernel_layer is absent; the archive does not describe what was observed of it',
    ]);
  });

  test('never says that something may be claimed that the report does not allow', () => {
    fc.assert(
      fc.property(anyCaptured, (run) => {
        const { measured, reported, per_binding } = report(run);
        const each = measured.flatMap(({ positive, exhaustive, absence }) => [positive, exhaustive, absence]);
        const allowed = [...each, reported.policy, reported.sdk, per_binding].filter(
          (one) => one.decision === 'allowed',
        );
        const sentences = [...words(run).values()].flat();
        expect(sentences.filter((text) => text.startsWith('may be claimed: ')).length).toBe(allowed.length);
        expect(sentences.join('')).not.toContain('()');
      }),
    );
  });
});
