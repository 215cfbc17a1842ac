import { releaseManifestName, storedSumsName } from '../core/release-names.ts';
import { differentNames, isSameSums, type Sums } from '../core/sums.ts';
import type { FileRole } from '../releases/outgoing-file.ts';

/** What is to be published. */
export interface Wanted {
  readonly tool: string;
  readonly version: number;
  readonly sums: Sums;
  /** What the name of an attestation ends with that is made where there is none; undefined: none is made. */
  readonly suffix: string | undefined;
}

/** What a store holds already. */
export interface Found {
  /** Highest version of the tool that is complete, as readers see it. */
  readonly highest: number | undefined;
  /** True when this version is complete, as readers see it. */
  readonly shown: boolean;
  /** Digests of the stored sums of this version: the claim. */
  readonly claim: Sums | undefined;
  /** Digests of the manifest of this version. */
  readonly manifest: Sums | undefined;
  /** Names of the files of this version. */
  readonly names: readonly string[];
  /** Attestations that hold, by the name of the artifact that they are of. */
  readonly attestations: ReadonlyMap<string, string>;
}

/** One file of a release, in the order in which a release comes to be. */
export interface PublishStep {
  readonly name: string;
  readonly role: FileRole;
  /** `keep`: the store has it; it is only read back. */
  readonly action: 'create' | 'keep';
  /** Of an attestation: the artifact that it is of. */
  readonly of?: string;
}

/** Versions that were passed over: neither published nor taken. */
export interface SkippedVersions {
  readonly first: number;
  readonly last: number;
}

/** What is to be done, or why nothing is. */
export type PublishPlan =
  | { readonly kind: 'rollback'; readonly highest: number }
  | { readonly kind: 'taken'; readonly different: readonly string[]; readonly complete: boolean }
  | { readonly kind: 'contradiction'; readonly different: readonly string[] }
  | {
      readonly kind: 'publish';
      readonly steps: readonly PublishStep[];
      /** True when the whole release is there; an attestation may still be added to it. */
      readonly alreadyPublished: boolean;
      /** Between the highest published version and this one; null when there are none, or nothing was published. */
      readonly skipped: SkippedVersions | null;
    };

/**
 * Decides on a publication: formats.md 4. The claim first, artifacts, their attestations, the manifest last; a claim with
 * other digests, or a higher published version, and nothing is done at all.
 */
export function planPublish(wanted: Wanted, found: Found): PublishPlan {
  const { highest, claim, manifest } = found;
  if (highest !== undefined && highest > wanted.version) return { kind: 'rollback', highest };
  if (claim && manifest && !isSameSums(claim, manifest)) {
    return { kind: 'contradiction', different: differentNames(claim, manifest) };
  }
  const theirs = claim ?? manifest;
  if (theirs && !isSameSums(theirs, wanted.sums)) {
    return { kind: 'taken', different: differentNames(theirs, wanted.sums), complete: manifest !== undefined };
  }
  const steps = stepsOf(wanted, found);
  return {
    kind: 'publish',
    steps,
    alreadyPublished: found.shown && steps.every(({ role, action }) => role === 'attestation' || action === 'keep'),
    skipped: skippedBetween(highest, wanted.version),
  };
}

function stepsOf(wanted: Wanted, found: Found): readonly PublishStep[] {
  const { tool, version, sums } = wanted;
  const names = new Set(found.names);
  const step = (name: string, role: PublishStep['role']): PublishStep => ({
    name,
    role,
    action: names.has(name) ? 'keep' : 'create',
  });
  const artifacts = [...sums.keys()].sort();
  return [
    step(storedSumsName(tool, version), 'claim'),
    ...artifacts.map((name) => step(name, 'artifact')),
    ...artifacts.flatMap((name) => attestationStep(name, wanted, found)),
    step(releaseManifestName(tool, version), 'manifest'),
  ];
}

/** What holds is kept, whoever signed it: nothing is signed twice. */
function attestationStep(of: string, { suffix }: Wanted, { attestations }: Found): readonly PublishStep[] {
  const kept = attestations.get(of);
  if (kept !== undefined) return [{ name: kept, role: 'attestation', action: 'keep', of }];
  return suffix === undefined ? [] : [{ name: `${of}${suffix}`, role: 'attestation', action: 'create', of }];
}

function skippedBetween(highest: number | undefined, version: number): SkippedVersions | null {
  if (highest === undefined || highest + 1 >= version) return null;
  return { first: highest + 1, last: version - 1 };
}
