import { formatTable } from './table.ts';

/** What a person is told about a copied release. */
export interface CopiedReleaseFacts {
  readonly version: number;
  readonly anchor: 'pinned' | 'attested' | 'none';
  readonly artifacts: readonly {
    readonly name: string;
    readonly attestation: string;
    readonly signer: string | null;
  }[];
  readonly files: readonly { readonly name: string; readonly outcome: string }[];
  readonly leftOut: readonly { readonly name: string; readonly reason: 'unchecked' | 'untrusted' }[];
  readonly missingTargets: readonly string[];
  readonly alreadyThere: boolean;
  readonly highest: number | null;
}

/** What a person is told about a mirror. */
export interface MirrorFacts {
  readonly tool: string;
  readonly from: string;
  readonly to: string;
  readonly releases: readonly CopiedReleaseFacts[];
  readonly incomplete: readonly number[];
  readonly revocations: {
    readonly outcome: 'created' | 'same' | 'kept' | 'outdated' | 'none' | 'unverified' | 'unsupported';
    readonly missing: readonly string[];
    readonly replacement: string | null;
  };
}

/** The text of `mirror`: each release, why it was believed, and each of its files. */
export function describeMirroring(facts: MirrorFacts): string {
  const { tool, to, incomplete } = facts;
  const lines = facts.releases.map((release) => describeCopy(tool, to, release));
  if (incomplete.length > 0) {
    lines.push(`Passed over, because ${facts.from} never completed them: ${incomplete.map(versionOf).join(', ')}\n`);
  }
  return [...lines, ...describeListOutcome(facts.revocations, to)].join('\n');
}

/** One release in a store, and why it is believed. */
export function describeCopy(tool: string, to: string, release: CopiedReleaseFacts): string {
  const { version, alreadyThere, highest, files } = release;
  const state = alreadyThere ? 'was there before, with the same bytes' : 'is complete';
  const below = highest === null ? '' : ` (the store has v${highest} already)`;
  const table = formatTable(
    [{ title: '  FILE' }, { title: 'OUTCOME' }],
    files.map(({ name, outcome }) => [`  ${name}`, outcome]),
  );
  const less = `${describeMissing(release)}${describeLeftOut(release)}`;
  return `${to}: ${tool} v${version} ${state}${below}\n${describeTrust(release)}${less}${table}`;
}

function describeMissing({ missingTargets }: Pick<CopiedReleaseFacts, 'missingTargets'>): string {
  if (missingTargets.length === 0) return '';
  return `  it lacks ${missingTargets.join(', ')}, which toolcrib.json names: --partial lets it pass\n`;
}

/** Which attestations did not go into the store, why, and what to do. */
function describeLeftOut({ leftOut }: Pick<CopiedReleaseFacts, 'leftOut'>): string {
  if (leftOut.length === 0) return '';
  const lines = leftOut.map(({ name, reason }) => `  left out ${name}: ${LEFT_OUT[reason]}`);
  const hint = `  to take them along, name their signers under "attestation" in toolcrib.json; or give ${UNVERIFIED}`;
  return `${[...lines, hint].join('\n')}\n`;
}

const UNVERIFIED = '--unverified-attestations';

const LEFT_OUT = {
  unchecked: 'the project has no policy that could verify it',
  untrusted: 'nobody whom the policy trusts signed it',
} as const;

/** Why a release is believed, and who signed its artifacts. */
export function describeTrust({ anchor, artifacts }: Pick<CopiedReleaseFacts, 'anchor' | 'artifacts'>): string {
  const signed = artifacts.map(({ name, attestation, signer }) =>
    signer === null ? `  ${name}: attestation ${attestation}` : `  ${name}: attested by ${signer}`,
  );
  return `${[`  ${ANCHORS[anchor]}`, ...signed].join('\n')}\n`;
}

const ANCHORS = {
  pinned: 'its digests are those of the sums file of this project',
  attested: 'every artifact is attested by a signer whom the policy of this project trusts',
  none: 'consistent, not pinned: its digests agree with its stored sums, and nobody vouches for them',
} as const;

/** What became of a list of revoked releases. */
export function describeListOutcome(list: MirrorFacts['revocations'], to: string): readonly string[] {
  switch (list.outcome) {
    case 'none':
      return [];
    case 'created':
    case 'same':
      return [`${to} has the list of revoked releases.\n`];
    case 'kept':
      return [`${to} has another list of revoked releases, which stays: compare the two.\n`];
    case 'outdated':
      return [describeOutdated(list, to)];
    case 'unverified':
      return [
        `${to} did not get the list of revoked releases: toolcrib.json has no key in "attestation.publicKeys" to verify it.\n` +
          `  to take it along, name the key of who signed it there; or give ${UNVERIFIED}\n`,
      ];
    case 'unsupported':
      return [
        `${to} did not get the list of revoked releases: such a store holds files of releases only. Keep the list under git.\n`,
      ];
  }
}

function describeOutdated({ missing, replacement }: MirrorFacts['revocations'], to: string): string {
  const put =
    replacement === null
      ? 'no list that is known has all of it: sign one with "toolcrib revoke", and put that there by hand'
      : `put this one over it by hand: ${replacement}`;
  return (
    `${to} has a list of revoked releases that lacks ${missing.join(', ')}: who asks that store only is not told.\n` +
    `  toolcrib never overwrites what is in a store; ${put}\n`
  );
}

function versionOf(version: number): string {
  return `v${version}`;
}
