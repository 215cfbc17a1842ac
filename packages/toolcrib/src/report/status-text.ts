import { formatTable } from './table.ts';

/** What a person is told about a project. */
export interface StatusFacts {
  readonly tool: string;
  readonly version: number;
  readonly config: string | null;
  readonly sumsFile: string;
  readonly sumsVersion: number | null;
  readonly install: { readonly state: string; readonly reason: string };
  readonly revocations: {
    readonly versions: readonly { readonly version: number; readonly reason: string }[];
    readonly problem: string | null;
  };
  readonly targets: readonly {
    readonly target: string;
    readonly pin: string | null;
    readonly tier: string | null;
    readonly where: string | null;
    readonly problem: string | null;
    readonly attestedIn: readonly string[] | null;
    readonly attestation: { readonly status: string } | null;
  }[];
  readonly stores: readonly {
    readonly store: string;
    readonly complete: readonly number[];
    readonly abandoned: readonly {
      readonly version: number;
      readonly missing: readonly string[];
      readonly advice: string;
    }[];
    readonly problem: string | null;
  }[];
}

const PIN_LENGTH = 'sha256:'.length + 12;

/** The text of `status`. */
export function describeStatus(status: StatusFacts): string {
  const { tool, version, config, sumsFile, sumsVersion, install, revocations } = status;
  const head = [
    `${tool} v${version}, ${config ?? 'the tool that ships with toolcrib'}`,
    `pins: ${sumsFile}`,
    ...(sumsVersion === null || sumsVersion === version
      ? []
      : [`v${version} is not pinned yet; the sums are of v${sumsVersion}`]),
    `installed: ${install.state} (${install.reason})`,
    ...(revocations.problem === null ? [] : [`revocations: ${revocations.problem}`]),
    '',
  ].join('\n');
  const attested = status.targets.some(({ attestedIn }) => attestedIn !== null);
  const rows = status.targets.map(({ target, pin, tier, where, problem, attestedIn, attestation }) => [
    target,
    pin?.slice(0, PIN_LENGTH) ?? 'none',
    ...(attested ? [attestationText(attestation, attestedIn)] : []),
    tier ?? 'nowhere',
    problem ?? where ?? 'no place has it',
  ]);
  const titles = ['TARGET', 'PIN', ...(attested ? ['ATTESTATION'] : []), 'FROM', 'WHERE'];
  const columns = titles.map((title) => ({ title }));
  return [head, formatTable(columns, rows), ...status.stores.map((store) => describeStore(store, revocations))].join(
    '\n',
  );
}

/** What is not pinned was not judged. */
function attestationText(
  attestation: StatusFacts['targets'][number]['attestation'],
  attestedIn: readonly string[] | null,
): string {
  if (attestation === null) return attestedIn?.length ? 'present' : 'none';
  return attestation.status === 'missing' ? 'none' : attestation.status;
}

function describeStore(
  { store, complete, abandoned, problem }: StatusFacts['stores'][number],
  revocations: StatusFacts['revocations'],
): string {
  if (problem !== null) return `${store}: ${problem}\n`;
  const versions =
    complete.length === 0
      ? 'nothing published'
      : `published: ${complete.map((v) => describeVersion(v, revocations)).join(', ')}`;
  const claims = abandoned.map(
    ({ version, missing, advice }) =>
      `  v${version} was claimed and never completed; missing: ${missing.join(', ') || 'the last step'}\n    ${advice}\n`,
  );
  return `${store}: ${versions}\n${claims.join('')}`;
}

function describeVersion(version: number, { versions }: StatusFacts['revocations']): string {
  const revoked = versions.find((each) => each.version === version);
  return revoked === undefined ? `v${version}` : `v${version} (revoked: ${revoked.reason})`;
}
