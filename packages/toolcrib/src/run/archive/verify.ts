import type { TrustedKey } from '../../attestations/keys.ts';
import { hasCode } from '../../core/errors.ts';
import { onePiece } from '../../core/one-piece.ts';
import { abortable } from '../../disk/abortable.ts';
import type { CapabilitySurface } from '../reports/capability-surface.ts';
import type { CaptureRecord } from '../reports/capture-record.ts';
import { claimReport, type ClaimReport } from '../reports/claim-gate.ts';
import type { CorrelationReport } from '../reports/correlation-report.ts';
import { fidelityVerdict, type FidelityVerdict } from '../reports/fidelity-verdict.ts';
import type { InjectionRecord } from '../reports/injection-record.ts';
import type { ObservationHealth } from '../reports/observation-health.ts';
import type { RunCoverage } from '../reports/run-coverage.ts';
import { verifyContent } from './consistency.ts';
import { createArchiveContent, type ArchiveVisitor } from './content.ts';
import { createFindings, type Finding } from './findings.ts';
import { ARCHIVE_LIMITS, type ArchiveLimits } from './limits.ts';
import { manifestSignatureProblem } from './manifest-signature.ts';
import { MANIFEST_PATH, REQUIRED_PATHS, SIGNATURE_PATH } from './paths.ts';
import { readMembers, type Reading } from './read-members.ts';
import { summaryOf, type ArchiveSummary } from './summary.ts';

/** What an archive is worth. It is consistent, not authentic, unless its signature was verified. */
export interface ArchiveInspection {
  /**
   * `verified`: by a key that was named. `unverified`: there is one over this manifest, but no key was named to verify it
   * with, so it says nothing.
   */
  readonly signature: 'absent' | 'unverified' | 'verified';
  /** Empty: the archive verifies. Else the caller refuses it (CheckError `ARCHIVE_REFUSED`). */
  readonly findings: readonly Finding[];
  /** Members whose digest was checked, but whose content this version does not know. */
  readonly unchecked: readonly string[];
  /**
   * There are layers of the kernel or of a policy, and no member says how they came about: another writer has none, and
   * whoever takes ours out of an archive and writes its manifest anew makes it look like that. Only a verified signature
   * tells, so it is false then.
   */
  readonly undescribed: boolean;
  /** What may be claimed from it, with reasons; undefined when health could not be read. */
  readonly verdict: FidelityVerdict | undefined;
  /** What may be claimed, class by class; undefined when health could not be read. With findings nothing may be. */
  readonly claims: ClaimReport | undefined;
  /** What it says, as far as it could be read. With findings it is not to be believed. */
  readonly summary: ArchiveSummary;
  /** Its reports, as far as they could be read. */
  readonly reports: ArchiveReports;
}

/** The reports of an archive. Undefined are those that are not there or could not be read. */
export interface ArchiveReports {
  readonly surface: CapabilitySurface | undefined;
  readonly correlation: CorrelationReport | undefined;
  readonly health: ObservationHealth | undefined;
  readonly capture: CaptureRecord | undefined;
  readonly coverage: RunCoverage | undefined;
  readonly injection: InjectionRecord | undefined;
}

/** Optional parts of {@link verifyArchive}. */
export interface VerifyArchiveOptions {
  readonly limits?: ArchiveLimits;
  readonly signal?: AbortSignal | undefined;
  /** One of them must have signed it. Absent: a signature is not demanded. */
  readonly keys?: readonly TrustedKey[] | undefined;
  /** Is told the lines on the way. */
  readonly visitor?: ArchiveVisitor;
}

/**
 * Reads a whole archive once, as a stream, and checks everything that formats.md 6 names: members and their order,
 * sizes and digests, nothing unlisted, one run id, each line against its schema, numbers without gaps, health,
 * correlation, the surface against the layers, and that no secret is left.
 * @returns findings; a damaged or hostile archive is one with findings, never an exception.
 * @throws the signal's reason; errors of the stream itself (a disk that cannot be read).
 */
export async function verifyArchive(
  archive: Uint8Array | AsyncIterable<Uint8Array>,
  options: VerifyArchiveOptions = {},
): Promise<ArchiveInspection> {
  const { limits = ARCHIVE_LIMITS, signal } = options;
  const reading: Reading = {
    content: createArchiveContent(limits.documentBytes, options.visitor),
    findings: createFindings(),
    unchecked: [],
    paths: [],
    limits,
  };
  try {
    const bytes = archive instanceof Uint8Array ? onePiece(archive) : archive;
    await readMembers(abortable(bytes, signal), reading);
    verifyMemberSet(reading);
    verifyContent(reading.content, reading.findings);
    verifySignature(reading, options.keys);
  } catch (error) {
    if (!hasCode(error, 'MALFORMED', 'TOO_LARGE')) throw error;
    reading.findings.add(
      error.code === 'TOO_LARGE' ? 'too_large' : 'unreadable',
      undefined,
      error.message.slice(0, 400),
    );
  }
  const { health, signature, surface, correlation, capture, coverage, injection } = reading.content;
  const signed = signature === undefined ? 'absent' : options.keys === undefined ? 'unverified' : 'verified';
  return {
    signature: signed,
    findings: reading.findings.list,
    unchecked: reading.unchecked,
    undescribed: signed !== 'verified' && capture === undefined && hasCapturedLayer(health),
    verdict: health && fidelityVerdict(health),
    claims: health && claimReport({ health, coverage, capture }),
    summary: summaryOf(reading.content),
    reports: { surface, correlation, health, capture, coverage, injection },
  };
}

function hasCapturedLayer(health: ObservationHealth | undefined): boolean {
  return health !== undefined && (health.kernel_layer !== 'absent' || health.policy_layer !== 'absent');
}

function verifySignature({ content, findings }: Reading, keys: readonly TrustedKey[] | undefined): void {
  const { manifest, manifestDigest, signature } = content;
  if (manifest === undefined || manifestDigest === undefined) return;
  if (signature === undefined) {
    if (keys !== undefined) findings.add('signature', undefined, 'nobody signed it, and a signature is demanded');
    return;
  }
  const problem = manifestSignatureProblem(signature, { run_id: manifest.run_id, manifest: manifestDigest }, keys);
  if (problem !== undefined) findings.add('signature', SIGNATURE_PATH, problem);
}

/** Also of what newer versions add: nothing that a terminal or a file system could take for something else. */
const OWN_NAME = /^toolcrib\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

function verifyMemberSet({ content, findings, paths }: Reading): void {
  if (!paths.includes(MANIFEST_PATH)) findings.add('member_missing', MANIFEST_PATH, 'it is not in the archive');
  const listed = Object.keys(content.manifest?.files ?? {});
  for (const path of new Set([...REQUIRED_PATHS, ...listed])) {
    if (!paths.includes(path)) findings.add('member_missing', path, 'it is not in the archive');
  }
  for (const path of [...listed, ...paths]) {
    if (path === MANIFEST_PATH || REQUIRED_PATHS.includes(path) || OWN_NAME.test(path)) continue;
    findings.add('member_unlisted', path.slice(0, 200), 'the format has no such member');
  }
}
