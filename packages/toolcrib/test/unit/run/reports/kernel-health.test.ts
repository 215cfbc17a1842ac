import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { captureRecordSchema, lostRecords } from '../../../../src/run/reports/capture-record.ts';
import { fidelityVerdict } from '../../../../src/run/reports/fidelity-verdict.ts';
import { healthOfRun, kernelCaptureNote, kernelHealth } from '../../../../src/run/reports/kernel-health.ts';
import { healthProblem, healthSchema, type ObservationHealth } from '../../../../src/run/reports/observation-health.ts';
import { anyCaptured, captured, lost, type Captured } from '../captured.ts';
import { fixedKey } from '../fixed.ts';
import { blindSpot, connected, HOST, opened, sent } from '../observed.ts';

function health(run: Captured, platform = 'linux'): ObservationHealth {
  const layers = { policyEvents: 0, sdkEvents: 0, notes: [] };
  const redaction = createRedactor(fixedKey).summary();
  return healthOfRun({ runId: 'run_001', platform, redaction, capture: captured(run), ...layers });
}

function verdict(run: Captured): string {
  return fidelityVerdict(health(run)).verdict;
}

describe('the health of a run', () => {
  test.each<[string, Captured, string, string, string]>([
    ['by eBPF', {}, 'complete', 'clean', 'clean'],
    ['by eBPF, with drops', { report: { accounts: lost(3) } }, 'partial_ringbuf_drops', 'clean', 'clipped'],
    ['by eBPF, ended early', { report: { endedEarly: true } }, 'partial_ringbuf_drops', 'clean', 'clipped'],
    ['by eBPF, survived', { report: { survivors: 1 } }, 'partial_ringbuf_drops', 'clean', 'clipped'],
    ['by eBPF, after bpf', { calls: [blindSpot('bpf')] }, 'partial_ringbuf_drops', 'clean', 'clipped'],
    ['by eBPF, after a module', { calls: [blindSpot('finit_module')] }, 'partial_ringbuf_drops', 'clean', 'clipped'],
    ['by eBPF, bpf refused', { calls: [blindSpot('bpf', { result: -1 })] }, 'complete', 'clean', 'clean'],
    ['by eBPF, in doubt', { report: { attribution: 'doubtful' } }, 'absent', 'partial', 'not_applicable'],
    ['by ptrace', { tier: 'ptrace' }, 'complete', 'partial', 'correlation_partial'],
    [
      'by ptrace, survived',
      { tier: 'ptrace', report: { survivors: 2 } },
      'partial_ringbuf_drops',
      'partial',
      'clipped',
    ],
    [
      'by ptrace, with drops',
      { tier: 'ptrace', report: { accounts: lost(1) } },
      'partial_ringbuf_drops',
      'partial',
      'clipped',
    ],
  ])('%s', (_, run, kernel_layer, cgroup_correlation, judged) => {
    expect(health(run)).toMatchObject({ kernel_layer, cgroup_correlation });
    expect(verdict(run)).toBe(judged);
  });

  test('that nothing observed, or not on Linux, is that of the contract alone', () => {
    const redaction = createRedactor(fixedKey).summary();
    const facts = {
      runId: 'run_001',
      redaction,
      policyEvents: 1,
      sdkEvents: 2,
      notes: ['s4_policy_capture: decision_events=1'],
    };
    const none = healthOfRun({ ...facts, platform: 'linux', capture: undefined });
    expect(none).toMatchObject({
      kernel_layer: 'absent',
      cgroup_correlation: 'partial',
      policy_layer: 'present',
      sdk_layer: 'self_reported',
    });
    expect(none.notes.map((note) => note.split(':')[0])).toEqual(['contract_only_mode', 's4_policy_capture']);
    expect(health({ calls: [opened('/a')] }, 'macos')).toMatchObject({ kernel_layer: 'absent', ringbuf_drops: 0 });
  });

  test('counts as lost what was dropped, missed, or could not be read', () => {
    const accounts = [{ hook: 'openat', emitted: 9, dropped: 1, unreadable: 2, missed: 4 }];
    expect(lostRecords(captured({ calls: [opened(undefined)], report: { accounts } }))).toBe(1 + 4 + 2);
    expect(
      lostRecords(captured({ calls: [opened(undefined), opened(undefined), opened(undefined)], report: { accounts } })),
    ).toBe(8);
  });

  test('counts nothing as lost that the kernel refused to read', () => {
    const accounts = [{ hook: 'openat', emitted: 1, dropped: 0, unreadable: 1, missed: 0 }];
    expect(lostRecords(captured({ calls: [opened(undefined, { result: -14 })], report: { accounts } }))).toBe(0);
  });

  test.each([
    [[], 'absent', 'not_applicable'],
    [[connected(HOST)], 'connect_only', 'diagnostic_only'],
    [[sent('sendto', HOST)], 'datagram_peer_observed', 'diagnostic_only'],
    [[sent('sendmmsg', HOST), connected(HOST)], 'connect_and_datagram_peer_observed', 'diagnostic_only'],
    [[connected({ family: 'unix', path: '/a' }), sent('sendto', undefined)], 'absent', 'not_applicable'],
  ])('that made %o covers the network as %s', (calls, network_protocol_coverage, network_endpoint_claim_scope) => {
    expect(health({ calls })).toMatchObject({ network_protocol_coverage, network_endpoint_claim_scope });
  });

  test('that lost records and saw no network knows nothing of it', () => {
    const unknown = { network_protocol_coverage: 'unknown', network_endpoint_claim_scope: 'unknown' };
    expect(health({ report: { accounts: lost(1) } })).toMatchObject(unknown);
    expect(health({ calls: [connected(undefined)] })).toMatchObject(unknown);
    expect(health({ calls: [connected({ family: 'other', number: 40 })] })).toMatchObject(unknown);
    expect(health({ calls: [connected(HOST)], report: { accounts: lost(1) } })).toMatchObject({
      network_protocol_coverage: 'connect_only',
    });
  });

  test('is told with its counts', () => {
    expect(kernelCaptureNote(captured({ calls: [opened('/a'), connected(HOST)] }))).toBe(
      's2_kernel_capture: monitor_events=2 ringbuf_drops=0 network_protocol_coverage=connect_only ' +
        'network_endpoint_claim_scope=diagnostic_only',
    );
    expect(kernelCaptureNote(captured({ calls: [blindSpot('bpf'), connected(HOST)] }))).toBe(
      's2_kernel_capture: monitor_events=1 ringbuf_drops=0 network_protocol_coverage=connect_only ' +
        'network_endpoint_claim_scope=diagnostic_only tampering=1',
    );
    const calls = [sent('sendto', undefined), sent('sendmsg', { family: 'unix', path: '/a' })];
    const run = { tier: 'ptrace', calls, report: { accounts: lost(2), survivors: 1, endedEarly: true } } as const;
    expect(kernelCaptureNote(captured(run))).toBe(
      's2_kernel_capture: monitor_events=0 ringbuf_drops=2 network_protocol_coverage=unknown ' +
        'network_endpoint_claim_scope=unknown dropped=2 missed=0 unreadable=0 ended_early=true survivors=1 ' +
        'send_no_recoverable_peer=sendto:1 sendmsg:0 send_non_ip_family=sendto:0 sendmsg:1 tier=ptrace',
    );
    expect(kernelCaptureNote(captured({ calls: [opened('/a')], report: { attribution: 'doubtful' } }))).toBe(
      's2_kernel_capture: monitor_events=0 tier=ebpf attribution=doubtful cgroup_correlation=partial kernel_layer=absent',
    );
  });

  test('is valid whatever the run was, and so is its record', () => {
    fc.assert(
      fc.property(anyCaptured, (run) => {
        const told = health(run);
        expect(healthSchema.parse(JSON.parse(JSON.stringify(told)))).toEqual(told);
        expect(healthProblem(told)).toBeUndefined();
        const record = captured(run);
        expect(captureRecordSchema.parse(JSON.parse(JSON.stringify(record)))).toEqual(record);
      }),
    );
  });

  test('does not get better where more was lost', () => {
    const ranks = ['failed', 'not_applicable', 'clipped', 'correlation_partial', 'clean'];
    fc.assert(
      fc.property(anyCaptured, fc.nat(5), (run, more) => {
        const accounts = [
          ...(run.report?.accounts ?? []),
          { hook: 'more', emitted: 0, dropped: more, unreadable: 0, missed: 0 },
        ];
        const worse = { ...run, report: { ...run.report, accounts } };
        expect(ranks.indexOf(verdict(worse))).toBeLessThanOrEqual(ranks.indexOf(verdict(run)));
        expect(kernelHealth(captured(worse)).ringbuf_drops).toBeGreaterThanOrEqual(
          kernelHealth(captured(run)).ringbuf_drops,
        );
      }),
    );
  });
});
