import type { ClaimDecision, ClaimReport, ClassClaims } from './claim-gate.ts';
import type { ClaimKind } from './coverage-descriptor.ts';

/** What may be claimed of one thing, for a person: a heading and sentences. */
export interface ClaimWords {
  readonly about: string;
  readonly sentences: readonly string[];
}

const CLAIMS: readonly (readonly [kind: ClaimKind, claim: string])[] = [
  ['positive', 'one that is told happened'],
  ['exhaustive', 'those that are told are all'],
  ['absence', 'one that is not told did not happen'],
];

/** A claim report in words. Quotes what stands in the archive: the caller makes it printable. */
export function claimWords(report: ClaimReport): readonly ClaimWords[] {
  const { policy, sdk } = report.reported;
  return [
    ...report.measured.map(classWords),
    { about: 'decisions of a policy', sentences: [sentence('the policy decided so', policy)] },
    { about: "what the agent's SDK reported", sentences: [sentence('the SDK reported so', sdk)] },
    { about: 'tool calls', sentences: [sentence('an effect belongs to a tool call', report.per_binding)] },
  ];
}

function classWords(claims: ClassClaims): ClaimWords {
  const { dimension, class: name } = claims;
  const decided = CLAIMS.map(([kind, claim]) => [claim, claims[kind]] as const);
  const [first] = decided;
  // Nothing at all: once is enough.
  if (first !== undefined && decided.every(([, { decision }]) => decision === 'blocked')) {
    return { about: `${dimension}: ${name}`, sentences: [`nothing may be claimed: ${because(first[1])}`] };
  }
  return { about: `${dimension}: ${name}`, sentences: decided.map(([claim, decision]) => sentence(claim, decision)) };
}

function sentence(claim: string, decision: ClaimDecision): string {
  if (decision.decision === 'allowed') return `may be claimed: ${claim}`;
  const word = decision.decision === 'degraded' ? 'only with reservations' : 'may not be claimed';
  return `${word}: ${claim} (${because(decision)})`;
}

function because({ reasons }: ClaimDecision): string {
  return reasons.map(({ text }) => text).join('; ') || 'nothing supports it';
}
