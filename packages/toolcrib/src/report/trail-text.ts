import { formatSize } from './size.ts';
import { wrap } from './width.ts';

/** What a person is told about a resolution: that of `resolveArtifact` fits it. */
export interface TrailFacts {
  readonly name: string;
  readonly path: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  readonly tier: string;
  /** How the project got here; null where that decided nothing. */
  readonly install: { readonly state: string; readonly reason: string } | null;
  /** Null where nobody looked for one. */
  readonly attestation: { readonly status: string; readonly signer?: string; readonly reason?: string } | null;
  readonly trail: readonly {
    readonly tier: string;
    readonly where: string;
    readonly outcome: string;
    readonly reason: string;
    /** In bytes; null where nobody learned it. */
    readonly size: number | null;
    /** Milliseconds; null where nobody looked. */
    readonly ms: number | null;
  }[];
}

const WIDTH = 80;

/** The text of `resolve --explain`: every tier in order, used or not, and why. */
export function describeTrail({ name, path, digest, size, tier, install, attestation, trail }: TrailFacts): string {
  const steps = trail.flatMap((step, index) => [
    `${index + 1}. ${step.tier}: ${step.outcome}${describeFigures(step)}`,
    ...wrap(`${step.where}: ${step.reason}`, WIDTH - 4).map((line) => `    ${line}`),
  ]);
  const head = [
    `${name} from the tier "${tier}"`,
    `${digest}, ${formatSize(size)}`,
    path,
    ...(install === null ? [] : wrap(`install state: ${install.state} (${install.reason})`, WIDTH)),
    ...describeTrust(attestation),
  ];
  return [...head, '', ...steps, ''].join('\n');
}

function describeFigures({ size, ms }: TrailFacts['trail'][number]): string {
  const figures = [...(size === null ? [] : [formatSize(size)]), ...(ms === null ? [] : [`${ms} ms`])];
  return figures.length === 0 ? '' : ` (${figures.join(', ')})`;
}

function describeTrust(attestation: TrailFacts['attestation']): readonly string[] {
  if (attestation === null) return [];
  const more = attestation.signer ?? attestation.reason;
  return wrap(`attestation: ${attestation.status}${more === undefined ? '' : ` (${more})`}`, WIDTH);
}
