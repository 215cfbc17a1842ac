import { createDigester, digestOf } from '../../core/digest.ts';
import { IntegrityError } from '../../core/errors.ts';
import { describeIssues } from '../../core/schema-issues.ts';
import { compareCodePoints } from '../../tar/path.ts';
import { gunzip, readTar, type TarMember } from '../../tar/read.ts';
import { secretRuleIn } from '../redaction/secret-shapes.ts';
import { isRunId } from '../run-spec.ts';
import { parseCompact } from './compact-json.ts';
import type { ArchiveContent } from './content.ts';
import type { Findings } from './findings.ts';
import { createKernelLineReader } from './kernel-lines.ts';
import type { ArchiveLimits } from './limits.ts';
import { createLineCutter } from './line-cutter.ts';
import { decodeText, LineError } from './lines.ts';
import { manifestSchema } from './manifest.ts';
import { MANIFEST_PATH, memberOrderKey, SIGNATURE_PATH } from './paths.ts';
import { isDocument, readDocument } from './read-document.ts';
import { hasLines, readLine } from './read-line.ts';

/** An archive while it is read. */
export interface Reading {
  readonly content: ArchiveContent;
  readonly findings: Findings;
  readonly unchecked: string[];
  /** Members so far, the manifest too. */
  readonly paths: string[];
  readonly limits: ArchiveLimits;
}

/**
 * Reads every member in the order of the archive, and notes what is wrong with it.
 * @throws IntegrityError `MALFORMED`, `TOO_LARGE` where reading ends.
 */
export async function readMembers(archive: AsyncIterable<Uint8Array>, reading: Reading): Promise<void> {
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
  const text = await readText(member, limits.manifestBytes);
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
    findings.add('schema', MANIFEST_PATH, describeIssues(manifest.error).slice(0, 300));
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

/** How a member is read: line by line, as a document, or not at all because this version does not know it. */
function shapeOf(path: string): 'lines' | 'document' | 'signature' | 'unknown' {
  if (path === SIGNATURE_PATH) return 'signature';
  if (hasLines(path)) return 'lines';
  return isDocument(path) ? 'document' : 'unknown';
}

async function readContent(member: TarMember, bytes: AsyncIterable<Uint8Array>, reading: Reading): Promise<void> {
  const { content, findings, limits, unchecked } = reading;
  const { path } = member;
  const shape = shapeOf(path);
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

/** Some writers end a document with a newline; what it says is the same, and its digest covers it. */
function withoutNewline(document: string): string {
  return document.replace(/\n$/, '');
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
