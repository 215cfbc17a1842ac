import { compareCodePoints } from '../../tar/path.ts';
import { SURFACE_SETS, type CapabilitySurface, type SurfaceSet } from '../reports/capability-surface.ts';
import type { CorrelationReport } from '../reports/correlation-report.ts';
import { healthProblem, type ObservationHealth } from '../reports/observation-health.ts';

export const DIFF_SCHEMA = 'assay.runner.capability_diff.v0';

/** `partial:unbound` is a word of the format that nothing produces: no surface tells what belongs to which tool call. */
export type DiffStatus = 'clean' | 'partial:health' | 'partial:correlation' | 'failed';

/** What one side has more than the other, each a set sorted by code point. */
export interface SetDiff {
  /** In head, not in base. */
  readonly added: readonly string[];
  /** In base, not in head. */
  readonly removed: readonly string[];
  readonly unchanged: readonly string[];
}

/** A decision of the policy about a tool call that both sides have. */
export interface ChangedOutcome {
  readonly tool_call_id: string;
  readonly base: string | null;
  readonly head: string | null;
}

/** How the capabilities of two runs differ, keys in the order of the format. It says what changed, not whether it may. */
export interface CapabilityDiff {
  readonly schema: typeof DIFF_SCHEMA;
  readonly base_run_id: string;
  readonly head_run_id: string;
  readonly status: DiffStatus;
  readonly preconditions: {
    readonly base_health_clean: boolean;
    readonly head_health_clean: boolean;
    readonly base_correlation_clean: boolean;
    readonly head_correlation_clean: boolean;
    readonly stable_tool_call_ids_required: true;
    readonly stable_tool_call_ids_present: boolean;
  };
  readonly scope: typeof SCOPE;
  readonly surface: Readonly<Record<SurfaceSet, SetDiff>>;
  readonly binding_ids: SetDiff;
  readonly policy_outcomes: { readonly changed: readonly ChangedOutcome[] };
  readonly unbound: Readonly<Record<SurfaceSet, readonly string[]>>;
  readonly ambiguities: readonly string[];
  readonly notes: readonly string[];
}

const SCOPE = {
  projection: 'surface_set',
  uses_raw_telemetry: false,
  uses_proof_pack: false,
  per_binding_capability_values: false,
} as const;

const IDEMPOTENT_NOTE = 'capability_diff_idempotent: base and head evidence sets are identical';

/** The reports of one run. Undefined are those that its archive lacks or that could not be read. */
export interface DiffSide {
  readonly runId: string;
  readonly health: ObservationHealth | undefined;
  readonly surface: CapabilitySurface | undefined;
  readonly correlation: CorrelationReport | undefined;
}

/** Compares what two runs were seen to touch: formats.md 6. */
export function capabilityDiff(base: DiffSide, head: DiffSide): CapabilityDiff {
  const surface = mapSets((name) => setDiff(base.surface?.[name] ?? [], head.surface?.[name] ?? []));
  const [baseIds, headIds] = [bindingIds(base), bindingIds(head)];
  const binding_ids = setDiff(baseIds, headIds);
  const policy_outcomes = { changed: changedOutcomes(binding_ids.unchanged, base, head) };
  const preconditions = preconditionsOf(base, head);
  const parts = { surface, binding_ids, policy_outcomes };
  const isFailed = isBroken(base) || isBroken(head) || isContradiction(parts);
  const status = isFailed ? 'failed' : statusOf(preconditions);
  return {
    schema: DIFF_SCHEMA,
    base_run_id: base.runId,
    head_run_id: head.runId,
    status,
    preconditions,
    scope: SCOPE,
    ...parts,
    unbound: mapSets(() => []),
    ambiguities: [],
    notes: status === 'clean' && isSame(parts) ? [IDEMPOTENT_NOTE] : [],
  };
}

function mapSets<T>(valueOf: (name: SurfaceSet) => T): Readonly<Record<SurfaceSet, T>> {
  return {
    filesystem_paths: valueOf('filesystem_paths'),
    network_endpoints: valueOf('network_endpoints'),
    process_execs: valueOf('process_execs'),
    mcp_tools: valueOf('mcp_tools'),
    policy_decisions: valueOf('policy_decisions'),
  };
}

/** Sets, whatever order they come in. */
function setDiff(base: readonly string[], head: readonly string[]): SetDiff {
  const [before, after] = [new Set(base), new Set(head)];
  const sorted = (values: Iterable<string>): readonly string[] => [...values].sort(compareCodePoints);
  return {
    added: sorted(after.difference(before)),
    removed: sorted(before.difference(after)),
    unchanged: sorted(after.intersection(before)),
  };
}

function bindingIds({ correlation }: DiffSide): readonly string[] {
  return correlation?.bindings.map((binding) => binding.tool_call_id).filter((id) => id !== '') ?? [];
}

function changedOutcomes(ids: readonly string[], base: DiffSide, head: DiffSide): readonly ChangedOutcome[] {
  const [before, after] = [outcomes(base), outcomes(head)];
  return ids
    .map((id) => ({ tool_call_id: id, base: before.get(id) ?? null, head: after.get(id) ?? null }))
    .filter((outcome) => outcome.base !== outcome.head);
}

function outcomes({ correlation }: DiffSide): ReadonlyMap<string, string | null> {
  return new Map(correlation?.bindings.map((binding) => [binding.tool_call_id, binding.policy_decision]));
}

function preconditionsOf(base: DiffSide, head: DiffSide): CapabilityDiff['preconditions'] {
  return {
    base_health_clean: isHealthClean(base),
    head_health_clean: isHealthClean(head),
    base_correlation_clean: isCorrelationClean(base),
    head_correlation_clean: isCorrelationClean(head),
    stable_tool_call_ids_required: true,
    stable_tool_call_ids_present: hasStableIds(base) && hasStableIds(head),
  };
}

function isHealthClean({ health }: DiffSide): boolean {
  if (health === undefined || healthProblem(health) !== undefined) return false;
  const isMeasured = health.kernel_layer === 'complete' && health.ringbuf_drops === 0;
  const isReported = health.policy_layer === 'present' && health.sdk_layer === 'self_reported';
  return isMeasured && isReported && health.cgroup_correlation === 'clean';
}

function isCorrelationClean({ correlation }: DiffSide): boolean {
  return correlation?.status === 'clean' && correlation.ambiguities.length === 0;
}

/** There are bindings, and each has an id that no other has. */
function hasStableIds(side: DiffSide): boolean {
  const ids = bindingIds(side);
  return ids.length > 0 && ids.length === side.correlation?.bindings.length && new Set(ids).size === ids.length;
}

/** Something is missing (foreign reports are not read), invalid, or of another run. */
function isBroken({ runId, health, surface, correlation }: DiffSide): boolean {
  if (health === undefined || surface === undefined || correlation === undefined) return true;
  if (healthProblem(health) !== undefined || correlation.status === 'failed') return true;
  return runId === '' || [health.run_id, surface.run_id, correlation.run_id].some((id) => id !== runId);
}

type Parts = Pick<CapabilityDiff, 'surface' | 'binding_ids' | 'policy_outcomes'>;

/** The same tool calls were decided, and not one otherwise, yet the decisions of the surface differ. */
function isContradiction({ surface, binding_ids, policy_outcomes }: Parts): boolean {
  return isEqual(binding_ids) && policy_outcomes.changed.length === 0 && !isEqual(surface.policy_decisions);
}

function isEqual({ added, removed }: SetDiff): boolean {
  return added.length === 0 && removed.length === 0;
}

function isSame({ surface, binding_ids, policy_outcomes }: Parts): boolean {
  const sets = SURFACE_SETS.every((name) => isEqual(surface[name]));
  return sets && isEqual(binding_ids) && policy_outcomes.changed.length === 0;
}

function statusOf(preconditions: CapabilityDiff['preconditions']): DiffStatus {
  const { base_health_clean, head_health_clean, base_correlation_clean, head_correlation_clean } = preconditions;
  if (!base_health_clean || !head_health_clean) return 'partial:health';
  const isCorrelated = base_correlation_clean && head_correlation_clean;
  return isCorrelated && preconditions.stable_tool_call_ids_present ? 'clean' : 'partial:correlation';
}
