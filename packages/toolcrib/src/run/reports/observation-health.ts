import * as z from 'zod/mini';
import type { RedactionSummary } from '../redaction/redactor.ts';

export const HEALTH_SCHEMA = 'assay.runner.observation_health.v0';

/** Stands in the notes until kernel capture applies. Readers compare the code before the colon. */
export const CONTRACT_ONLY_NOTE = 'contract_only_mode: kernel and cgroup capture not wired in this revision';

const KERNEL_LAYERS = ['complete', 'partial_ringbuf_drops', 'absent'] as const;
const POLICY_LAYERS = ['present', 'absent'] as const;
const SDK_LAYERS = ['present', 'self_reported', 'absent'] as const;
const CORRELATIONS = ['clean', 'partial', 'failed'] as const;
const COVERAGES = [
  'unknown',
  'absent',
  'connect_only',
  'datagram_peer_observed',
  'connect_and_datagram_peer_observed',
] as const;
const SCOPES = ['unknown', 'not_applicable', 'diagnostic_only', 'peer_set'] as const;

/** How well each layer was observed. */
export interface ObservationHealth {
  readonly schema: string;
  readonly run_id: string;
  /** In Rust's words. */
  readonly platform: string;
  readonly kernel_layer: (typeof KERNEL_LAYERS)[number];
  /** Absent means own; what is unknown is not own. */
  readonly capture_origin?: string | undefined;
  /** Records of the kernel that were lost. */
  readonly ringbuf_drops: number;
  readonly policy_layer: (typeof POLICY_LAYERS)[number];
  readonly sdk_layer: (typeof SDK_LAYERS)[number];
  readonly cgroup_correlation: (typeof CORRELATIONS)[number];
  readonly network_protocol_coverage: (typeof COVERAGES)[number];
  readonly network_endpoint_claim_scope: (typeof SCOPES)[number];
  readonly redaction?: RedactionSummary | undefined;
  /** `code: text`. */
  readonly notes: readonly string[];
}

/** The health of a run that nothing watched: only its start and end are recorded. */
export function contractOnlyHealth(runId: string, platform: string, redaction: RedactionSummary): ObservationHealth {
  return {
    schema: HEALTH_SCHEMA,
    run_id: runId,
    platform,
    kernel_layer: 'absent',
    ringbuf_drops: 0,
    policy_layer: 'absent',
    sdk_layer: 'absent',
    cgroup_correlation: 'partial',
    network_protocol_coverage: 'absent',
    network_endpoint_claim_scope: 'not_applicable',
    redaction,
    notes: [CONTRACT_ONLY_NOTE],
  };
}

const count = z.int().check(z.minimum(0));
const counts = z.record(z.string(), count);

/** Fields that older writers do not know are read as `unknown`. A foreign schema is left to {@link healthProblem}. */
export const healthSchema = z.strictObject({
  schema: z.string(),
  run_id: z.string(),
  platform: z.string(),
  kernel_layer: z.enum(KERNEL_LAYERS),
  capture_origin: z.optional(z.string()),
  ringbuf_drops: count,
  policy_layer: z.enum(POLICY_LAYERS),
  sdk_layer: z.enum(SDK_LAYERS),
  cgroup_correlation: z.enum(CORRELATIONS),
  network_protocol_coverage: z._default(z.enum(COVERAGES), 'unknown'),
  network_endpoint_claim_scope: z._default(z.enum(SCOPES), 'unknown'),
  redaction: z.optional(
    z.strictObject({
      mode: z.string(),
      redacted_count: count,
      by_rule: counts,
      by_field: counts,
      key_scope: z.string(),
      key_id: z.string(),
    }),
  ),
  notes: z.array(z.string()),
});

/** Why health is not valid. */
export type HealthProblem =
  'schema' | 'empty_run_id' | 'drops_without_partial_layer' | 'kernel_layer_off_linux' | 'failed_correlation';

/** The first rule that health breaks, in the order of the format; undefined when it is valid. */
export function healthProblem(health: ObservationHealth): HealthProblem | undefined {
  if (health.schema !== HEALTH_SCHEMA) return 'schema';
  if (health.run_id === '') return 'empty_run_id';
  if (health.ringbuf_drops > 0 && health.kernel_layer !== 'partial_ringbuf_drops') return 'drops_without_partial_layer';
  if (health.platform !== 'linux' && health.kernel_layer !== 'absent') return 'kernel_layer_off_linux';
  if (health.cgroup_correlation === 'failed') return 'failed_correlation';
  return undefined;
}

/** A health problem as a sentence. */
export function healthProblemText(problem: HealthProblem): string {
  const texts: Readonly<Record<HealthProblem, string>> = {
    schema: `the schema is not ${HEALTH_SCHEMA}`,
    empty_run_id: 'run_id is empty',
    drops_without_partial_layer: 'ringbuf_drops is above 0, but kernel_layer is not partial_ringbuf_drops',
    kernel_layer_off_linux: 'kernel_layer is not absent, but the platform is not linux',
    failed_correlation: 'cgroup_correlation is failed: nothing measured in this run counts',
  };
  return texts[problem];
}

/** What the layers of the same archive hold. */
export interface LayerCounts {
  readonly kernel: number;
  readonly policy: number;
  readonly sdk: number;
}

/** Where health claims more (or less) than the layers hold, one sentence each. */
export function healthClaimProblems(health: ObservationHealth, lines: LayerCounts): readonly string[] {
  const problems: string[] = [];
  const { policy_layer, sdk_layer, kernel_layer } = health;
  if ((policy_layer === 'present') !== lines.policy > 0) {
    problems.push(`policy_layer is ${policy_layer}, but the layer has ${lines.policy} lines`);
  }
  if ((sdk_layer === 'absent') !== (lines.sdk === 0)) {
    problems.push(`sdk_layer is ${sdk_layer}, but the layer has ${lines.sdk} lines`);
  }
  if (kernel_layer === 'absent') problems.push(...networkClaims(health));
  return problems;
}

/** An absent kernel layer saw no network; older writers said nothing. */
function networkClaims(health: ObservationHealth): readonly string[] {
  const { network_protocol_coverage: coverage, network_endpoint_claim_scope: scope } = health;
  const problems: string[] = [];
  if (!['absent', 'unknown'].includes(coverage)) {
    problems.push(`network_protocol_coverage is ${coverage}, but kernel_layer is absent`);
  }
  if (!['not_applicable', 'unknown'].includes(scope)) {
    problems.push(`network_endpoint_claim_scope is ${scope}, but kernel_layer is absent`);
  }
  return problems;
}

/** Compact JSON with keys in the order of the format. */
export function formatHealth(health: ObservationHealth): string {
  const { schema, run_id, platform, kernel_layer, capture_origin, ringbuf_drops, policy_layer, sdk_layer } = health;
  const { cgroup_correlation, network_protocol_coverage, network_endpoint_claim_scope, redaction, notes } = health;
  const before = { schema, run_id, platform, kernel_layer, capture_origin, ringbuf_drops, policy_layer, sdk_layer };
  const after = { cgroup_correlation, network_protocol_coverage, network_endpoint_claim_scope, redaction, notes };
  return JSON.stringify({ ...before, ...after });
}
