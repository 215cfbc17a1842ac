import type { CaptureRecord } from './capture-record.ts';
import { coverageDecision, DIMENSIONS, type ClaimKind, type Dimension } from './coverage-descriptor.ts';
import { fidelityVerdict, type FidelityVerdict, type GateDecision, type Verdict } from './fidelity-verdict.ts';
import type { ObservationHealth } from './observation-health.ts';
import { CLAIM_CLASSES, type RunCoverage } from './run-coverage.ts';

export const CLAIMS_SCHEMA = 'toolcrib.claims.v1';

/** Why a claim is not simply allowed (or, alone, why it is). */
export interface ClaimReason {
  readonly rule: string;
  /** One sentence. */
  readonly text: string;
}

export interface ClaimDecision {
  readonly decision: GateDecision;
  readonly reasons: readonly ClaimReason[];
}

/** What may be claimed about one class of effects. */
export interface ClassClaims extends Readonly<Record<ClaimKind, ClaimDecision>> {
  readonly dimension: Dimension;
  readonly class: string;
}

/** What an archive supports: `archive show --claims`. */
export interface ClaimReport {
  readonly schema: typeof CLAIMS_SCHEMA;
  readonly run_id: string;
  readonly verdict: Verdict;
  /** From what the kernel saw. */
  readonly measured: readonly ClassClaims[];
  /** From what others said: what a policy decided, what the agent's SDK told. */
  readonly reported: Readonly<Record<'policy' | 'sdk', ClaimDecision>>;
  /** That an effect belongs to a tool call. */
  readonly per_binding: ClaimDecision;
}

/** The reports of an archive, as they were read. */
export interface ClaimSources {
  readonly health: ObservationHealth;
  /** Undefined where the archive has none, as one by another writer. */
  readonly coverage: RunCoverage | undefined;
  readonly capture: CaptureRecord | undefined;
}

/**
 * What may be claimed: the weaker of what health allows and what coverage allows. Of an archive that was refused nothing
 * may be, whatever this says.
 */
export function claimReport({ health, coverage, capture }: ClaimSources): ClaimReport {
  const verdict = fidelityVerdict(health);
  const sawNothing = health.kernel_layer !== 'absent' && health.network_protocol_coverage === 'absent';
  const policy = reportedDecision('policy', health.policy_layer === 'present', verdict, capture);
  const sdk = reportedDecision('sdk', health.sdk_layer !== 'absent', verdict, capture);
  return {
    schema: CLAIMS_SCHEMA,
    run_id: health.run_id,
    verdict: verdict.verdict,
    measured: DIMENSIONS.flatMap((dimension) =>
      CLAIM_CLASSES[dimension].map((name) => classClaims(dimension, name, verdict, { coverage, sawNothing })),
    ),
    reported: { policy, sdk },
    // What binds an effect to a tool call is a decision of the policy.
    per_binding: weaker(healthDecision(verdict, 'per_binding_claims'), policy),
  };
}

/** What was only watched for supports nothing: no call shows that one would have been seen. */
const NOTHING_SEEN =
  'it was watched for and no call came that names an endpoint, so that none shows what would have been seen';

function classClaims(
  dimension: Dimension,
  name: string,
  verdict: FidelityVerdict,
  { coverage, sawNothing }: { readonly coverage: RunCoverage | undefined; readonly sawNothing: boolean },
): ClassClaims {
  // Of several descriptions of one dimension none can be taken for the right one.
  const descriptors = coverage?.descriptors.filter((descriptor) => descriptor.dimension === dimension) ?? [];
  const descriptor = descriptors.length === 1 ? descriptors[0] : undefined;
  const isQuiet = descriptor === undefined && coverage !== undefined && dimension === 'network' && sawNothing;
  const decide = (kind: ClaimKind): ClaimDecision => {
    const { decision, rule, reason } = coverageDecision(descriptor, kind, name);
    const text = isQuiet ? NOTHING_SEEN : reason;
    return weaker(healthDecision(verdict, GATE_OF_KIND[kind]), { decision, reasons: [{ rule, text }] });
  };
  return {
    dimension,
    class: name,
    positive: decide('positive'),
    exhaustive: decide('exhaustive'),
    absence: decide('absence'),
  };
}

type Gate = keyof FidelityVerdict['claim_gate'];

/** That these are all is that there is no other: what health says of absence counts for both. */
const GATE_OF_KIND: Readonly<Record<ClaimKind, Gate>> = {
  positive: 'measured_positive_claims',
  exhaustive: 'bounded_negative_claims',
  absence: 'bounded_negative_claims',
};

function healthDecision(verdict: FidelityVerdict, gate: Gate): ClaimDecision {
  const reasons = verdict.reasons.map(({ field, observed, rule }) => ({ rule, text: `${field} is ${observed}` }));
  return { decision: verdict.claim_gate[gate], reasons };
}

const RANKS: readonly GateDecision[] = ['blocked', 'degraded', 'allowed'];

/** The lower decision, with the reasons of whoever stands in the way; where nobody does, those of both. */
function weaker(a: ClaimDecision, b: ClaimDecision): ClaimDecision {
  const decision = RANKS[Math.min(RANKS.indexOf(a.decision), RANKS.indexOf(b.decision))] ?? 'blocked';
  const lowering = [a, b].filter((one) => decision === 'allowed' || one.decision !== 'allowed');
  return { decision, reasons: lowering.flatMap(({ reasons }) => reasons) };
}

function reportedDecision(
  layer: 'policy' | 'sdk',
  isThere: boolean,
  verdict: FidelityVerdict,
  capture: CaptureRecord | undefined,
): ClaimDecision {
  if (!isThere)
    return { decision: 'blocked', reasons: [{ rule: `${layer}_layer_absent`, text: 'nothing was reported' }] };
  const reported = healthDecision(verdict, 'reported_claims');
  // An SDK is part of the command and reports about itself; a policy that the command wrote is no policy.
  if (layer === 'sdk') return reported;
  const log = capture?.logs.find((one) => one.layer === layer);
  return log === undefined ? weaker(reported, UNKNOWN_AUTHOR) : weaker(reported, authorDecision(log));
}

/** As of archives of other writers, and of one of ours whose account of the logs was taken out, which allows nothing more. */
const UNKNOWN_AUTHOR: ClaimDecision = {
  decision: 'blocked',
  reasons: [{ rule: 'policy_log_author_unknown', text: 'nothing tells who could have written the log of the policy' }],
};

function authorDecision({ command_could_write, because }: CaptureRecord['logs'][number]): ClaimDecision {
  if (!command_could_write) return { decision: 'allowed', reasons: [] };
  const text = because.join('; ') || 'the recorded command could have written the log';
  return { decision: 'blocked', reasons: [{ rule: 'policy_log_writable_by_command', text }] };
}
