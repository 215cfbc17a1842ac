import { releaseManifestName, storedSumsName } from '../core/release.ts';
import { differentNames, isSameSums, type Sums } from '../core/sums.ts';

/** What is to be published. */
export interface Wanted {
  readonly tool: string;
  readonly version: number;
  readonly sums: Sums;
}

/** What a store holds already. */
export interface Found {
  /** Highest version of the tool that has a manifest. */
  readonly highest: number | undefined;
  /** Digests of the stored sums of this version: the claim. */
  readonly claim: Sums | undefined;
  /** Digests of the manifest of this version. */
  readonly manifest: Sums | undefined;
  /** Names of the files of this version. */
  readonly names: readonly string[];
}

/** One file of a release, in the order in which a release comes to be. */
export interface PublishStep {
  readonly name: string;
  readonly role: 'claim' | 'artifact' | 'manifest';
  /** `keep`: the store has it; it is only read back. */
  readonly action: 'create' | 'keep';
}

/** What is to be done, or why nothing is. */
export type PublishPlan =
  | { readonly kind: 'rollback'; readonly highest: number }
  | { readonly kind: 'taken'; readonly different: readonly string[]; readonly complete: boolean }
  | { readonly kind: 'contradiction'; readonly different: readonly string[] }
  | {
      readonly kind: 'publish';
      readonly steps: readonly PublishStep[];
      /** True when every step is to keep what is there. */
      readonly alreadyPublished: boolean;
    };

/**
 * Decides on a publication: formats.md 4. The claim first, artifacts, the manifest last; a claim with other digests, or
 * a higher published version, and nothing is done at all.
 */
export function planPublish(wanted: Wanted, found: Found): PublishPlan {
  if (found.highest !== undefined && found.highest > wanted.version)
    return { kind: 'rollback', highest: found.highest };
  const { claim, manifest } = found;
  if (claim && manifest && !isSameSums(claim, manifest)) {
    return { kind: 'contradiction', different: differentNames(claim, manifest) };
  }
  const theirs = claim ?? manifest;
  if (theirs && !isSameSums(theirs, wanted.sums)) {
    return { kind: 'taken', different: differentNames(theirs, wanted.sums), complete: manifest !== undefined };
  }
  const steps = stepsOf(wanted, new Set(found.names));
  return { kind: 'publish', steps, alreadyPublished: steps.every(({ action }) => action === 'keep') };
}

function stepsOf({ tool, version, sums }: Wanted, names: ReadonlySet<string>): readonly PublishStep[] {
  const step = (name: string, role: PublishStep['role']): PublishStep => ({
    name,
    role,
    action: names.has(name) ? 'keep' : 'create',
  });
  return [
    step(storedSumsName(tool, version), 'claim'),
    ...[...sums.keys()].sort().map((name) => step(name, 'artifact')),
    step(releaseManifestName(tool, version), 'manifest'),
  ];
}
