import * as z from 'zod/mini';
import type { GateDecision } from './fidelity-verdict.ts';

export const DESCRIPTOR_SCHEMA = 'assay.runner.coverage_descriptor.v0';

export const DIMENSIONS = ['filesystem', 'network', 'process'] as const;

export type Dimension = (typeof DIMENSIONS)[number];

export const COMPLETENESS = [
  'full',
  'open_syscall_only',
  'connect_only',
  'datagram_peer_observed',
  'connect_and_datagram_peer_observed',
  'exec_only',
] as const;

/** What a way to observe sees of one dimension, and what it can miss. A foreign schema is left to the gate. */
export const descriptorSchema = z.strictObject({
  schema: z.string(),
  dimension: z.enum(DIMENSIONS),
  /** How it was observed, in words. */
  method: z.string(),
  /** Classes of effects, in words; a class counts as observed where one of them names it. */
  observes: z.array(z.string()),
  /** Ours are `code: text`. */
  known_blind_spots: z.array(z.string()),
  completeness: z.enum(COMPLETENESS),
});

export type CoverageDescriptor = z.infer<typeof descriptorSchema>;

/** `positive`: it happened. `exhaustive`: these are all. `absence`: it did not happen. */
export type ClaimKind = 'positive' | 'exhaustive' | 'absence';

/** What coverage says of a claim, and why. */
export interface CoverageDecision {
  readonly decision: GateDecision;
  /** Constants of the format: formats.md 6, `schema/coverage.rs`. */
  readonly rule: string;
  /** One sentence. */
  readonly reason: string;
}

/**
 * Whether a descriptor supports a claim about a class of effects. What is not described cannot be claimed.
 * @param className e.g. `path opens`; compared without case.
 */
export function coverageDecision(
  descriptor: CoverageDescriptor | undefined,
  kind: ClaimKind,
  className: string,
): CoverageDecision {
  if (descriptor === undefined) {
    const reason = 'the archive does not describe what was observed of it';
    return { decision: 'blocked', rule: 'coverage_descriptor_required_for_claim', reason };
  }
  if (descriptor.schema !== DESCRIPTOR_SCHEMA) {
    const reason = `the description has another schema than ${DESCRIPTOR_SCHEMA}`;
    return { decision: 'blocked', rule: 'coverage_descriptor_schema_mismatch', reason };
  }
  if (kind === 'positive') return positiveDecision(descriptor, className);
  return completeDecision(descriptor, kind);
}

function positiveDecision(descriptor: CoverageDescriptor, className: string): CoverageDecision {
  if (observesClass(descriptor, className)) {
    const rule = 'coverage_descriptor_allows_observed_positive_claim';
    return { decision: 'allowed', rule, reason: `observed by ${descriptor.method}` };
  }
  const rule = 'coverage_descriptor_positive_class_not_observed';
  const classes = descriptor.observes.join('; ') || 'nothing';
  return { decision: 'degraded', rule, reason: `observed was: ${classes}` };
}

/** Whether one of the observed classes names this one. */
export function observesClass(descriptor: CoverageDescriptor, className: string): boolean {
  const name = className.trim().toLowerCase();
  return name !== '' && descriptor.observes.some((observed) => observed.toLowerCase().includes(name));
}

function completeDecision(descriptor: CoverageDescriptor, kind: 'exhaustive' | 'absence'): CoverageDecision {
  const { completeness, known_blind_spots: spots } = descriptor;
  const name = kind === 'exhaustive' ? 'exhaustive' : 'absence';
  if (completeness === 'full' && spots.length === 0) {
    const reason = 'everything of it was observed';
    return { decision: 'allowed', rule: `coverage_descriptor_allows_${name}_claim`, reason };
  }
  const reason = `completeness is ${completeness}; it does not see: ${spots.join('; ') || 'none declared'}`;
  return kind === 'exhaustive'
    ? { decision: 'degraded', rule: 'coverage_descriptor_degrades_exhaustive_claim', reason }
    : { decision: 'blocked', rule: 'coverage_descriptor_blocks_absence_claim', reason };
}
