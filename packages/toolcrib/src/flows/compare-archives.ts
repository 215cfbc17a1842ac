import { CheckError } from '../core/errors.ts';
import { capabilityDiff, type CapabilityDiff, type DiffSide } from '../run/diff/capability-diff.ts';
import type { Host } from './host.ts';
import { readArchive, type ArchiveInspection, type ReadArchiveOptions } from './read-archive.ts';

export type { CapabilityDiff } from '../run/diff/capability-diff.ts';

/**
 * Compares what two recorded runs were seen to touch. Both archives are checked whole before.
 * @throws CheckError `ARCHIVE_REFUSED` naming the archive that does not verify; as {@link readArchive}.
 */
export async function compareArchives(
  host: Host,
  base: string,
  head: string,
  options: ReadArchiveOptions = {},
): Promise<CapabilityDiff> {
  const before = acceptArchive(base, await readArchive(host, base, options));
  const after = acceptArchive(head, await readArchive(host, head, options));
  return capabilityDiff(sideOf(before), sideOf(after));
}

/** What of an archive is compared. */
export function sideOf({ summary, reports }: ArchiveInspection): DiffSide {
  const { health, surface, correlation } = reports;
  return { runId: summary.runId ?? '', health, surface, correlation };
}

/** @throws CheckError `ARCHIVE_REFUSED`. */
export function acceptArchive(file: string, inspection: ArchiveInspection): ArchiveInspection {
  const [first] = inspection.findings;
  if (first === undefined) return inspection;
  const member = first.member === undefined ? '' : `${first.member}: `;
  throw new CheckError('ARCHIVE_REFUSED', `${file} is refused: ${member}${first.message}`, {
    hint: 'toolcrib archive verify tells everything that is wrong with it',
    details: { file, findings: inspection.findings.length },
  });
}
