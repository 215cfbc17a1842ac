import type { ToolPins } from '../config/config.ts';
import { NotFoundError } from '../core/errors.ts';
import { targetsOfSums } from '../core/release.ts';
import type { Reporter } from '../core/reporter.ts';
import type { Sums } from '../core/sums.ts';
import { formatTarget } from '../core/target.ts';
import type { ReleaseTrust, TrustedRelease } from './release-trust.ts';
import type { ReleaseId } from './stored-release.ts';

/** What a store or bundle says of a release, and nobody signed. */
export interface StatedRelease extends ReleaseId {
  readonly sums: Sums;
  /** That its manifest says it was built from; null where nobody knows. */
  readonly commit: string | null;
  /** Where it comes from, for messages. */
  readonly where: string;
}

/**
 * Looks at what only a pin would vouch for, before a release that has none goes into a store. An attestation speaks of its
 * own artifact, not of those that somebody took away: so every target of the project has to be there. That the manifest
 * names another commit than attestations do is told as a warning only, because an interrupted publication that is repeated
 * from a later commit, with the same bytes, says so truthfully.
 * @param options.partial true: fewer targets are enough, as in a version that never had more.
 * @returns targets of the project that it lacks, in their written form; none for one that is pinned, or of another tool.
 * @throws NotFoundError `NOT_FOUND` when there are such targets, and fewer are not enough.
 */
export function verifyUnpinned(
  release: StatedRelease,
  { anchor, artifacts }: TrustedRelease,
  { pins, reporter }: Pick<ReleaseTrust, 'pins' | 'reporter'>,
  { partial }: { readonly partial: boolean },
): readonly string[] {
  if (anchor === 'pinned') return [];
  tellOtherCommit(release, artifacts, reporter);
  const missing = lackingTargets(release, pins);
  if (missing.length > 0 && !partial) throw lacks(release, missing);
  return missing;
}

function lackingTargets({ tool, sums }: StatedRelease, pins: Pick<ToolPins, 'tool' | 'targets'>): readonly string[] {
  if (pins.tool !== tool) return [];
  const there = targetsOfSums(sums);
  return pins.targets.map(formatTarget).filter((target) => !there.includes(target));
}

function lacks({ tool, version, where }: StatedRelease, missing: readonly string[]): NotFoundError {
  const what = `${tool} v${version} in ${where} has no artifact for ${missing.join(', ')}, which toolcrib.json names`;
  return new NotFoundError('NOT_FOUND', what, {
    hint:
      'nobody pins that version, so who controls its source may have taken it away: compare with another store; ' +
      '--partial takes over a version that never had more',
    details: { tool, version, missing },
  });
}

function tellOtherCommit(
  { tool, version, commit, where }: StatedRelease,
  artifacts: TrustedRelease['artifacts'],
  reporter: Reporter,
): void {
  const other = artifacts.find((each) => each.commit !== null && commit !== null && each.commit !== commit);
  if (other === undefined) return;
  const what = `the manifest of ${tool} v${version} in ${where} says commit ${JSON.stringify(commit)}`;
  reporter.notice({
    kind: 'warning',
    text: `${what}, but the attestation of ${other.name} says ${JSON.stringify(other.commit)}`,
    hint: 'nobody signed the manifest: believe the attestation',
  });
}
