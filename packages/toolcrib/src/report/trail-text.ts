import { formatSize } from './size.ts';
import { wrap } from './printable.ts';

/** What a person is told about a resolution: that of `resolveArtifact` fits it. */
export interface TrailFacts {
  readonly name: string;
  readonly path: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  readonly tier: string;
  /** Null where nobody looked for one. */
  readonly attestation: { readonly status: string; readonly signer?: string; readonly reason?: string } | null;
  readonly trail: readonly {
    readonly tier: string;
    readonly where: string;
    readonly outcome: string;
    readonly reason: string;
  }[];
}

const WIDTH = 80;

/** The text of `resolve --explain`: every tier in order, used or not, and why. */
export function describeTrail({ name, path, digest, size, tier, attestation, trail }: TrailFacts): string {
  const steps = trail.flatMap((step, index) => [
    `${index + 1}. ${step.tier}: ${step.outcome}`,
    ...wrap(`${step.where}: ${step.reason}`, WIDTH - 4).map((line) => `    ${line}`),
  ]);
  const head = [
    `${name} from the tier "${tier}"`,
    `${digest}, ${formatSize(size)}`,
    path,
    ...describeTrust(attestation),
  ];
  return [...head, '', ...steps, ''].join('\n');
}

function describeTrust(attestation: TrailFacts['attestation']): readonly string[] {
  if (attestation === null) return [];
  const more = attestation.signer ?? attestation.reason;
  return wrap(`attestation: ${attestation.status}${more === undefined ? '' : ` (${more})`}`, WIDTH);
}
