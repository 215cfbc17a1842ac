import { fieldOf, listOf, textOf } from '../core/json-fields.ts';
import { formatSize } from './size.ts';
import { wrap, wrapIndented } from './width.ts';

/** What a person is told about a resolution: that of `resolveArtifact` fits it. */
export interface TrailFacts {
  readonly name: string;
  /** True: a local build that no pin vouches for. */
  readonly dev: boolean;
  readonly path: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  readonly tier: string;
  /** How the project got here; null where that decided nothing. */
  readonly install: { readonly state: string; readonly reason: string } | null;
  /** Null where nobody looked for one. */
  readonly attestation: { readonly status: string; readonly signer?: string; readonly reason?: string } | null;
  readonly trail: readonly StepFacts[];
}

/** What one place said. */
interface StepFacts {
  readonly tier: string;
  readonly where: string;
  readonly outcome: string;
  readonly reason: string;
  /** In bytes; null where nobody learned it. */
  readonly size: number | null;
  /** Milliseconds; null where nobody looked. */
  readonly ms: number | null;
}

const WIDTH = 80;

/** The text of `resolve --explain`: every tier in order, used or not, and why. */
export function describeTrail(facts: TrailFacts): string {
  const { name, dev, path, digest, size, tier, install, attestation, trail } = facts;
  const head = [
    `${name} from the tier "${tier}"${dev ? ', a local build that no pin vouches for' : ''}`,
    `${digest}, ${formatSize(size)}`,
    path,
    ...(install === null ? [] : wrap(`install state: ${install.state} (${install.reason})`, WIDTH)),
    ...describeTrust(attestation),
  ];
  return [...head, '', ...trail.map(describeStep), ''].join('\n');
}

/** The same of a resolution that failed, a text for each place: `details.trail` of its error. */
export function describeFailedTrail(details: unknown): readonly string[] {
  return listOf(details, 'trail').map((step, index) => describeStep(stepFrom(step), index));
}

function stepFrom(step: unknown): StepFacts {
  const [tier = '', where = '', outcome = '', reason = ''] = ['tier', 'where', 'outcome', 'reason'].map((name) =>
    textOf(step, name),
  );
  const [size = null, ms = null] = ['size', 'ms'].map((name) => {
    const figure = fieldOf(step, name);
    return typeof figure === 'number' ? figure : undefined;
  });
  return { tier, where, outcome, reason, size, ms };
}

function describeStep(step: StepFacts, index: number): string {
  const head = `${index + 1}. ${step.tier}: ${step.outcome}${describeFigures(step)}`;
  return [head, ...wrapIndented(`${step.where}: ${step.reason}`, WIDTH, '    ')].join('\n');
}

function describeFigures({ size, ms }: StepFacts): string {
  const figures = [...(size === null ? [] : [formatSize(size)]), ...(ms === null ? [] : [`${ms} ms`])];
  return figures.length === 0 ? '' : ` (${figures.join(', ')})`;
}

function describeTrust(attestation: TrailFacts['attestation']): readonly string[] {
  if (attestation === null) return [];
  const more = attestation.signer ?? attestation.reason;
  return wrap(`attestation: ${attestation.status}${more === undefined ? '' : ` (${more})`}`, WIDTH);
}
