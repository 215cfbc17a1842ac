import * as z from 'zod/mini';
import { onePiece } from '../../core/one-piece.ts';
import type { TrustedKey } from '../../attestations/keys.ts';
import { createDigester, digestOf } from '../../core/digest.ts';
import { hasCode, IntegrityError } from '../../core/errors.ts';
import { compareCodePoints } from '../../tar/path.ts';
import { abortable } from '../../disk/abortable.ts';
import { gunzip, readTar, type TarMember } from '../../tar/read.ts';
import {
  createArchiveContent,
  memberShape,
  readDocument,
  readLine,
  type ArchiveContent,
  type ArchiveVisitor,
} from './content.ts';
import { parseCompact } from './compact-json.ts';
import { verifyContent } from './consistency.ts';
import { createFindings, type Finding, type Findings } from './findings.ts';
import { ARCHIVE_LIMITS, type ArchiveLimits } from './limits.ts';
import { createKernelLineReader } from './kernel-lines.ts';
import { createLineCutter } from './line-cutter.ts';
import { decodeText, LineError } from './lines.ts';
import { manifestSchema } from './manifest.ts';
import { manifestSignatureProblem } from './manifest-signature.ts';
import { MANIFEST_PATH, memberOrderKey, REQUIRED_PATHS, SIGNATURE_PATH } from './paths.ts';
import type { CapabilitySurface } from '../reports/capability-surface.ts';
import type { CaptureRecord } from '../reports/capture-record.ts';
import { claimReport, type ClaimReport } from '../reports/claim-gate.ts';
import type { CorrelationReport } from '../reports/correlation-report.ts';
import { fidelityVerdict, type FidelityVerdict } from '../reports/fidelity-verdict.ts';
import type { InjectionRecord } from '../reports/injection-record.ts';
import type { ObservationHealth } from '../reports/observation-health.ts';
import type { RunCoverage } from '../reports/run-coverage.ts';
import { isRunId } from '../run-spec.ts';
import { secretRuleIn } from '../redaction/secret-shapes.ts';
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
  return {
    signature: signature === undefined ? 'absent' : options.keys === undefined ? 'unverified' : 'verified',
    findings: reading.findings.list,
    unchecked: reading.unchecked,
    verdict: health && fidelityVerdict(health),
    claims: health && claimReport({ health, coverage, capture }),
    summary: summaryOf(reading.content),
    reports: { surface, correlation, health, capture, coverage, injection },
  };
}

interface Reading {
  readonly content: ArchiveContent;
  readonly findings: Findings;
  readonly unchecked: string[];
  /** Members so far, the manifest too. */
  readonly paths: string[];
  readonly limits: ArchiveLimits;
}

async function readMembers(archive: AsyncIterable<Uint8Array>, reading: Reading): Promise<void> {
  const { limits } = reading;
  const tar = gunzip(archive, limits.totalBytes, 'the archive');
  const caps = { maxEntries: limits.members, maxEntryBytes: limits.totalBytes, maxTotalBytes: limits.totalBytes };
  for await (const member of readTar(tar, caps, 'the archive')) {
    verifyPlace(member, reading);
    if (member.kind !== 'file') continue;
    if (member.path === MANIFEST_PATH) await readManifest(member, reading);
    else await readListed(member, reading);
  }
}

function verifyPlace(member: TarMember, reading: Reading): void {
  const { findings, paths } = reading;
  if (member.kind !== 'file') findings.add('member_unlisted', member.path, `it is a ${member.kind}, not a file`);
  const last = paths.at(-1);
  if (last === undefined && member.path !== MANIFEST_PATH) {
    findings.add('member_order', member.path, `it is the first member, expected ${MANIFEST_PATH}`);
  }
  if (last !== undefined && compareCodePoints(memberOrderKey(last), memberOrderKey(member.path)) >= 0) {
    findings.add('member_order', member.path, `it stands after ${last}, expected before it`);
  }
  paths.push(member.path);
}

async function readManifest(member: TarMember, { content, findings, limits }: Reading): Promise<void> {
  const text = await readText(member, limits.documentBytes);
  if (typeof text !== 'string') {
    findings.add('schema', MANIFEST_PATH, text.problem);
    return;
  }
  const parsed = parseCompact(withoutNewline(text));
  if (typeof parsed === 'string') {
    findings.add('schema', MANIFEST_PATH, parsed);
    return;
  }
  const manifest = manifestSchema.safeParse(parsed.value);
  if (!manifest.success) {
    findings.add('schema', MANIFEST_PATH, z.prettifyError(manifest.error).slice(0, 300));
    return;
  }
  content.manifest = manifest.data;
  content.manifestDigest = digestOf(text);
  if (isRunId(manifest.data.run_id)) content.kernelLines = createKernelLineReader(manifest.data.run_id);
  else findings.add('run_id', MANIFEST_PATH, 'its run id is not [A-Za-z0-9_-]+');
  for (const [path, file] of Object.entries(manifest.data.files)) {
    if (file.path !== path) findings.add('schema', MANIFEST_PATH, `${quote(path)} is listed as ${quote(file.path)}`);
  }
  const rule = secretRuleIn(JSON.stringify(parsed.value));
  if (rule !== undefined) findings.add('secret', MANIFEST_PATH, `it holds something shaped like a secret (${rule})`);
}

/** Reads a member to its end whatever is wrong with it, so that its digest is told too. */
async function readListed(member: TarMember, reading: Reading): Promise<void> {
  const digester = createDigester();
  const hashed = hashing(member.bytes, digester);
  try {
    await readContent(member, hashed, reading);
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    reading.findings.add('schema', member.path, error.message);
    if (member.size > reading.limits.documentBytes) throw notReadToItsEnd(member);
  }
  for await (const chunk of member.bytes) digester.update(chunk);
  verifyListed(member, { size: digester.size, digest: digester.finish() }, reading);
}

/** What is broken and huge may be made to cost time. */
function notReadToItsEnd(member: TarMember): IntegrityError {
  return new IntegrityError(
    'MALFORMED',
    `${member.path} is broken and has ${member.size} bytes: its digest is not known`,
  );
}

async function* hashing(
  bytes: AsyncIterable<Uint8Array>,
  digester: { update(bytes: Uint8Array): void },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    digester.update(chunk);
    yield chunk;
  }
}

async function readContent(member: TarMember, bytes: AsyncIterable<Uint8Array>, reading: Reading): Promise<void> {
  const { content, findings, limits, unchecked } = reading;
  const { path } = member;
  const shape = memberShape(path);
  if (shape !== 'lines') verifyFits(member, limits.documentBytes);
  if (shape === 'lines') {
    await readLines(path, bytes, reading);
    return;
  }
  if (shape === 'signature') {
    content.signature = await readBytes(bytes);
    return;
  }
  if (shape === 'unknown') unchecked.push(path);
  const text = await readText({ path, bytes, size: member.size }, limits.documentBytes);
  if (typeof text !== 'string') {
    findings.add('schema', path, text.problem);
    return;
  }
  if (shape === 'document') readDocument(content, path, withoutNewline(text), findings);
  else if (secretRuleIn(text) !== undefined) findings.add('secret', path, 'it holds something shaped like a secret');
}

async function readLines(path: string, chunks: AsyncIterable<Uint8Array>, reading: Reading): Promise<void> {
  const { content, findings, limits } = reading;
  const cutter = createLineCutter(path, limits.lineBytes, (bytes, start, end) =>
    readLine(content, { path, bytes, start, end }, findings),
  );
  for await (const chunk of chunks) {
    cutter.push(chunk);
    if (findings.isHopeless(path)) throw new LineError('too much is wrong with it: it was not read to its end');
  }
  cutter.end();
}

async function readText(
  member: Pick<TarMember, 'path' | 'bytes' | 'size'>,
  maxBytes: number,
): Promise<string | { readonly problem: string }> {
  verifyFits(member, maxBytes);
  const bytes = await readBytes(member.bytes);
  try {
    return decodeText(bytes);
  } catch (error) {
    if (error instanceof LineError) return { problem: error.message };
    throw error;
  }
}

/** @throws IntegrityError `TOO_LARGE`. */
function verifyFits(member: Pick<TarMember, 'path' | 'size'>, maxBytes: number): void {
  if (member.size <= maxBytes) return;
  throw new IntegrityError('TOO_LARGE', `${member.path} has ${member.size} bytes, more than ${maxBytes}`);
}

async function readBytes(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
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

function verifyListed(member: TarMember, actual: { size: number; digest: string }, reading: Reading): void {
  const { findings, content } = reading;
  if (content.manifest === undefined) return;
  const listed = Object.entries(content.manifest.files).find(([path]) => path === member.path)?.[1];
  // It holds the digest of the manifest, which therefore cannot list it.
  if (member.path === SIGNATURE_PATH && listed === undefined) return;
  if (listed === undefined) {
    findings.add('member_unlisted', member.path, 'the manifest does not list it');
    return;
  }
  if (listed.bytes !== actual.size) {
    findings.add('size_mismatch', member.path, `it has ${actual.size} bytes, the manifest says ${listed.bytes}`);
  }
  if (listed.sha256 !== actual.digest) {
    findings.add('digest_mismatch', member.path, `its digest is ${actual.digest}, the manifest says ${listed.sha256}`);
  }
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

/** Some writers end a document with a newline; what it says is the same, and its digest covers it. */
function withoutNewline(document: string): string {
  return document.replace(/\n$/, '');
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
