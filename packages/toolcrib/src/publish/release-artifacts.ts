import type { ToolPins } from '../config/config.ts';
import { formatArtifactName } from '../core/artifact-name.ts';
import { verifyExpected, type Digest } from '../core/digest.ts';
import { UsageError } from '../core/errors.ts';
import type { ReleaseFile } from '../core/release.ts';
import type { Sums } from '../core/sums.ts';
import { formatTarget, type Target } from '../core/target.ts';
import { digestFile } from '../disk/digest-file.ts';

/** One artifact as a build left it. */
export interface ReleaseArtifact {
  /** File name, e.g. `sandbox-tools-amd64-any-v2`. */
  readonly name: string;
  readonly target: Target;
  /** Absolute path of the file; it stays unchanged until the release is complete. */
  readonly path: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  /** Highest `GLIBC_x.y` needed from the sandbox, e.g. `2.17`; null when nothing is needed. */
  readonly glibcFloor: string | null;
  readonly mediaType: string;
}

/** What a release is of: a tool, its version, and every target that version has to serve. */
export type ReleaseSubject = Pick<ToolPins, 'tool' | 'version' | 'targets'>;

/**
 * Demands exactly the artifacts of a release, and that each file still holds what is said of it.
 * @throws UsageError `NAME_INVALID`, `TARGET_INVALID` (missing, foreign or repeated); NotFoundError `NOT_FOUND`;
 * IntegrityError `SIZE_MISMATCH`, `DIGEST_MISMATCH`; RemoteError `STORAGE`; the signal's reason.
 */
export async function verifyArtifacts(
  subject: ReleaseSubject,
  artifacts: readonly ReleaseArtifact[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const artifact of artifacts) verifyName(subject, artifact);
  verifyTargets(
    subject,
    artifacts.map(({ target }) => formatTarget(target)),
  );
  for (const artifact of artifacts) {
    verifyExpected(artifact.path, artifact, await digestFile(artifact.path, { signal }));
  }
}

function verifyName({ tool, version }: ReleaseSubject, { name, target }: ReleaseArtifact): void {
  const expected = formatArtifactName({ tool, version, target, dev: false });
  if (name === expected) return;
  throw new UsageError('NAME_INVALID', `${name} is not the artifact of ${tool} v${version}, expected ${expected}`, {
    hint: 'only artifacts of the current version are published, never -dev ones: run "toolcrib build"',
  });
}

function verifyTargets({ tool, version, targets }: ReleaseSubject, given: readonly string[]): void {
  const wanted = targets.map(formatTarget);
  const missing = wanted.filter((target) => !given.includes(target));
  const foreign = given.filter((target, index) => !wanted.includes(target) || given.indexOf(target) !== index);
  if (missing.length === 0 && foreign.length === 0) return;
  const what = missing.length > 0 ? `no artifact for ${missing.join(', ')}` : `too many for ${foreign.join(', ')}`;
  throw new UsageError('TARGET_INVALID', `a release of ${tool} v${version} has all its targets or none: ${what}`, {
    hint: `build exactly ${wanted.join(', ')} (the targets in toolcrib.json)`,
    details: { missing, foreign },
  });
}

/** The digests of a release. */
export function sumsOfArtifacts(artifacts: readonly ReleaseArtifact[]): Sums {
  return new Map(artifacts.map(({ name, digest }) => [name, digest]));
}

/**
 * What the manifest says of an artifact.
 * @param attestation name of the attestation beside it, if there is one.
 */
export function releaseFileOf(artifact: ReleaseArtifact, attestation: string | null): ReleaseFile {
  const { name, target, digest, size, mediaType, glibcFloor } = artifact;
  return { name, target: formatTarget(target), digest, size, mediaType, glibcFloor, attestation };
}
