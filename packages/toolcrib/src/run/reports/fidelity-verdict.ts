import { HEALTH_SCHEMA, healthProblem, type HealthProblem, type ObservationHealth } from './observation-health.ts';

export const VERDICT_SCHEMA = 'assay.runner.fidelity_verdict.v0';

export type Verdict = 'clean' | 'clipped' | 'correlation_partial' | 'failed' | 'not_applicable';
export type GateDecision = 'allowed' | 'degraded' | 'blocked';

/** Which kinds of claims a run supports. */
export interface ClaimGate {
  readonly reported_claims: GateDecision;
  readonly measured_positive_claims: GateDecision;
  readonly bounded_negative_claims: GateDecision;
  readonly per_binding_claims: GateDecision;
}

/** Why: a field of health, what it says, and the rule that this meets. */
export interface VerdictReason {
  readonly field: string;
  readonly observed: string;
  readonly rule: string;
}

/** What may be claimed from an archive. */
export interface FidelityVerdict {
  readonly schema: typeof VERDICT_SCHEMA;
  readonly source_schema: typeof HEALTH_SCHEMA;
  readonly run_id: string;
  readonly verdict: Verdict;
  readonly claim_gate: ClaimGate;
  readonly reasons: readonly VerdictReason[];
  readonly non_claims: readonly string[];
}

/** What no verdict says. Constants of the format, like the names of the rules below: formats.md 6, `schema/fidelity.rs`. */
const NON_CLAIMS: readonly string[] = [
  'fidelity_no_observation_health_replacement',
  'fidelity_no_policy_correctness_verdict',
  'fidelity_no_runtime_safety_verdict',
  'fidelity_no_agent_quality_score',
  'fidelity_no_probabilistic_confidence_score',
];

/** The table of formats.md 6: reported, measured positive, bounded negative, per binding. */
const GATES: Readonly<Record<Verdict, readonly [GateDecision, GateDecision, GateDecision, GateDecision]>> = {
  clean: ['allowed', 'allowed', 'allowed', 'allowed'],
  clipped: ['allowed', 'degraded', 'blocked', 'allowed'],
  correlation_partial: ['allowed', 'degraded', 'blocked', 'blocked'],
  not_applicable: ['allowed', 'blocked', 'blocked', 'blocked'],
  failed: ['blocked', 'blocked', 'blocked', 'blocked'],
};

/** Derives the verdict from health alone. */
export function fidelityVerdict(health: ObservationHealth): FidelityVerdict {
  const { verdict, reasons } = classify(health);
  return {
    schema: VERDICT_SCHEMA,
    source_schema: HEALTH_SCHEMA,
    run_id: health.run_id,
    verdict,
    claim_gate: gateOf(verdict, health),
    reasons,
    non_claims: NON_CLAIMS,
  };
}

function gateOf(verdict: Verdict, health: ObservationHealth): ClaimGate {
  const [reported, positive, negative, perBinding] = GATES[verdict];
  return {
    reported_claims: reported,
    measured_positive_claims: positive,
    bounded_negative_claims: negative,
    per_binding_claims: health.cgroup_correlation === 'partial' ? 'blocked' : perBinding,
  };
}

interface Classification {
  readonly verdict: Verdict;
  readonly reasons: readonly VerdictReason[];
}

function classify(health: ObservationHealth): Classification {
  const problem = healthProblem(health);
  if (problem !== undefined) return { verdict: 'failed', reasons: [problemReason(problem, health)] };
  const applicable = inapplicableReason(health);
  if (applicable !== undefined) return { verdict: 'not_applicable', reasons: [applicable] };
  const loss = lossReason(health);
  const partial = health.cgroup_correlation === 'partial';
  const reasons = [...(loss === undefined ? [] : [loss]), ...(partial ? [PARTIAL_CORRELATION] : [])];
  if (loss !== undefined) return { verdict: 'clipped', reasons };
  return partial ? { verdict: 'correlation_partial', reasons } : { verdict: 'clean', reasons: [CLEAN] };
}

const PARTIAL_CORRELATION: VerdictReason = {
  field: 'cgroup_correlation',
  observed: 'partial',
  rule: 'partial_cgroup_correlation_blocks_per_binding_claims',
};

const CLEAN: VerdictReason = {
  field: 'observation_health',
  observed: 'clean',
  rule: 'complete_kernel_layer_zero_drops_clean_cgroup_correlation',
};

function inapplicableReason(health: ObservationHealth): VerdictReason | undefined {
  if (health.platform !== 'linux') {
    const rule = 'non_linux_platform_has_no_kernel_measurement_surface';
    return { field: 'platform', observed: health.platform, rule };
  }
  if (health.kernel_layer !== 'absent') return undefined;
  const rule = 'absent_kernel_layer_blocks_measured_kernel_effect_claims';
  return { field: 'kernel_layer', observed: 'absent', rule };
}

function lossReason(health: ObservationHealth): VerdictReason | undefined {
  if (health.ringbuf_drops > 0) {
    const rule = 'ringbuf_drops_block_bounded_negative_claims';
    return { field: 'ringbuf_drops', observed: String(health.ringbuf_drops), rule };
  }
  if (health.kernel_layer !== 'partial_ringbuf_drops') return undefined;
  const rule = 'partial_kernel_layer_blocks_bounded_negative_claims';
  return { field: 'kernel_layer', observed: 'partial_ringbuf_drops', rule };
}

function problemReason(problem: HealthProblem, health: ObservationHealth): VerdictReason {
  const reasons: Readonly<Record<HealthProblem, VerdictReason>> = {
    schema: {
      field: 'schema',
      observed: health.schema,
      rule: 'observation_health_schema_must_match_source_schema',
    },
    empty_run_id: { field: 'run_id', observed: '', rule: 'run_id_required_for_fidelity_verdict' },
    drops_without_partial_layer: {
      field: 'ringbuf_drops',
      observed: String(health.ringbuf_drops),
      rule: 'ringbuf_drops_require_partial_kernel_layer',
    },
    kernel_layer_off_linux: {
      field: 'kernel_layer',
      observed: health.kernel_layer,
      rule: 'non_linux_platform_requires_absent_kernel_layer',
    },
    failed_correlation: {
      field: 'cgroup_correlation',
      observed: 'failed',
      rule: 'failed_cgroup_correlation_blocks_runner_measured_claims',
    },
  };
  return reasons[problem];
}
