import { describe, expect, test } from 'vitest';
import { fidelityVerdict } from '../../../../src/run/reports/fidelity-verdict.ts';
import {
  contractOnlyHealth,
  formatHealth,
  healthProblem,
  healthSchema,
  type ObservationHealth,
} from '../../../../src/run/reports/observation-health.ts';
import { createRedactor } from '../../../../src/run/redaction/redactor.ts';
import { fixedKey } from '../fixed.ts';

function health(change: Partial<ObservationHealth> = {}): ObservationHealth {
  const measured = { kernel_layer: 'complete', cgroup_correlation: 'clean' } as const;
  return { ...contractOnlyHealth('run_001', 'linux', createRedactor(fixedKey).summary()), ...measured, ...change };
}

function judged(change: Partial<ObservationHealth>): readonly string[] {
  const { verdict, claim_gate: gate, reasons } = fidelityVerdict(health(change));
  const { reported_claims, measured_positive_claims, bounded_negative_claims, per_binding_claims } = gate;
  const gates = [reported_claims, measured_positive_claims, bounded_negative_claims, per_binding_claims];
  return [verdict, gates.join(' '), ...reasons.map(({ field, observed, rule }) => `${field}=${observed} ${rule}`)];
}

describe('the verdict', () => {
  test('of a complete, clean run allows every claim', () => {
    expect(judged({})).toEqual([
      'clean',
      'allowed allowed allowed allowed',
      'observation_health=clean complete_kernel_layer_zero_drops_clean_cgroup_correlation',
    ]);
  });

  test('of a run that lost events blocks negative claims', () => {
    expect(judged({ kernel_layer: 'partial_ringbuf_drops', ringbuf_drops: 3 })).toEqual([
      'clipped',
      'allowed degraded blocked allowed',
      'ringbuf_drops=3 ringbuf_drops_block_bounded_negative_claims',
    ]);
    expect(judged({ kernel_layer: 'partial_ringbuf_drops' })[2]).toBe(
      'kernel_layer=partial_ringbuf_drops partial_kernel_layer_blocks_bounded_negative_claims',
    );
  });

  test('of a run with losses and partial correlation tells both and blocks claims by binding', () => {
    expect(judged({ kernel_layer: 'partial_ringbuf_drops', cgroup_correlation: 'partial' })).toEqual([
      'clipped',
      'allowed degraded blocked blocked',
      'kernel_layer=partial_ringbuf_drops partial_kernel_layer_blocks_bounded_negative_claims',
      'cgroup_correlation=partial partial_cgroup_correlation_blocks_per_binding_claims',
    ]);
  });

  test('of partial correlation alone degrades what was measured', () => {
    expect(judged({ cgroup_correlation: 'partial' }).slice(0, 2)).toEqual([
      'correlation_partial',
      'allowed degraded blocked blocked',
    ]);
  });

  test('of a run that nothing watched allows only what was reported', () => {
    expect(judged({ kernel_layer: 'absent', cgroup_correlation: 'partial' })).toEqual([
      'not_applicable',
      'allowed blocked blocked blocked',
      'kernel_layer=absent absent_kernel_layer_blocks_measured_kernel_effect_claims',
    ]);
  });

  test('of another platform names the platform', () => {
    expect(judged({ platform: 'macos', kernel_layer: 'absent' })[2]).toBe(
      'platform=macos non_linux_platform_has_no_kernel_measurement_surface',
    );
  });

  test.each([
    [{ schema: 'other' }, 'schema=other observation_health_schema_must_match_source_schema'],
    [{ run_id: '' }, 'run_id= run_id_required_for_fidelity_verdict'],
    [{ ringbuf_drops: 1 }, 'ringbuf_drops=1 ringbuf_drops_require_partial_kernel_layer'],
    [{ platform: 'macos' }, 'kernel_layer=complete non_linux_platform_requires_absent_kernel_layer'],
    [
      { cgroup_correlation: 'failed' },
      'cgroup_correlation=failed failed_cgroup_correlation_blocks_runner_measured_claims',
    ],
  ] as const)('of invalid health %o blocks everything', (change, reason) => {
    expect(judged(change)).toEqual(['failed', 'blocked blocked blocked blocked', reason]);
  });

  test('says what it is not', () => {
    expect(fidelityVerdict(health()).non_claims).toHaveLength(5);
  });
});

describe('observation health', () => {
  test('of a run that nothing watched claims no kernel, no policy, no SDK, and says that only the contract was kept', () => {
    const { kernel_layer, policy_layer, sdk_layer, cgroup_correlation, notes } = contractOnlyHealth(
      'run_001',
      'linux',
      createRedactor(fixedKey).summary(),
    );
    expect([kernel_layer, policy_layer, sdk_layer, cgroup_correlation]).toEqual([
      'absent',
      'absent',
      'absent',
      'partial',
    ]);
    expect(notes).toEqual(['contract_only_mode: kernel and cgroup capture not wired in this revision']);
  });

  test('is read as it was written', () => {
    expect(healthSchema.parse(JSON.parse(formatHealth(health())))).toEqual(health());
  });

  test('of an older writer is read with unknown network coverage', () => {
    const {
      network_protocol_coverage: _coverage,
      network_endpoint_claim_scope: _scope,
      redaction: _r,
      ...old
    } = health();
    expect(healthSchema.parse(old)).toMatchObject({
      network_protocol_coverage: 'unknown',
      network_endpoint_claim_scope: 'unknown',
    });
  });

  test('with a key that nobody knows is refused', () => {
    expect(healthSchema.safeParse({ ...health(), extra: 1 }).success).toBe(false);
  });

  test('with drops under a partial layer is valid', () => {
    expect(healthProblem(health({ kernel_layer: 'partial_ringbuf_drops', ringbuf_drops: 9 }))).toBeUndefined();
  });
});
