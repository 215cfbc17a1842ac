import { onePiece } from '../../core/one-piece.ts';
import { digestOf } from '../../core/digest.ts';
import { CheckError, UsageError } from '../../core/errors.ts';
import { createFileOnce } from '../../disk/write-file.ts';
import { compareCodePoints } from '../../tar/path.ts';
import { gzip, writeTar, type TarEntry } from '../../tar/write.ts';
import { createManifest } from './manifest.ts';
import { MANIFEST_PATH, memberOrderKey, type ArchiveMember } from './paths.ts';
import { secretRuleIn } from '../redaction/secret-shapes.ts';
import { sweepJson } from '../redaction/secret-sweep.ts';

const MEMBER_MODE = 0o644;

/**
 * Completes an archive: sweeps its members for secrets that are still there, puts them in order, adds the manifest.
 * @param members all but the manifest, redacted.
 * @throws CheckError `ARCHIVE_REFUSED` naming member and rule: a bug of whoever wrote that member.
 */
export function sealArchive(runId: string, members: readonly ArchiveMember[]): readonly ArchiveMember[] {
  members.forEach(verifySwept);
  const manifest = JSON.stringify(createManifest(runId, members));
  return inOrder([{ path: MANIFEST_PATH, bytes: Buffer.from(manifest) }, ...members]);
}

function inOrder(members: readonly ArchiveMember[]): readonly ArchiveMember[] {
  return [...members].sort((a, b) => compareCodePoints(memberOrderKey(a.path), memberOrderKey(b.path)));
}

function verifySwept(member: ArchiveMember): void {
  const rule = sweepMember(member);
  if (rule === undefined) return;
  throw new CheckError('ARCHIVE_REFUSED', `${member.path} still holds something shaped like a secret (${rule})`, {
    hint: 'nothing was written; a field was not redacted, which is a bug in toolcrib',
    details: { member: member.path, rule },
  });
}

function sweepMember({ path, bytes }: ArchiveMember): string | undefined {
  const text = Buffer.from(bytes).toString('utf8');
  if (path.endsWith('.json')) return sweepJson(text, JSON.parse(text));
  if (!path.endsWith('.ndjson')) return secretRuleIn(text);
  for (const line of text.split('\n')) {
    const rule = line === '' ? undefined : sweepJson(line, JSON.parse(line));
    if (rule !== undefined) return rule;
  }
  return undefined;
}

/** The bytes of an archive file. Same members, same bytes. @param members as {@link sealArchive} returns them. */
export function archiveBytes(members: readonly ArchiveMember[]): AsyncIterable<Uint8Array> {
  return gzip(writeTar(members.map(({ path, bytes }): TarEntry => ({ path, kind: 'file', mode: MEMBER_MODE, bytes }))));
}

/**
 * Writes an archive file, whole or not at all, also under `kill -9`. **Never overwrites**: an archive is evidence, and a
 * second run that took the place of the first would not be noticed. Look before the run, with the file name at hand.
 * @returns the digest of the file.
 * @throws UsageError `USAGE` when the file is there; RemoteError `STORAGE`; the signal's reason.
 */
export async function writeArchive(
  path: string,
  members: readonly ArchiveMember[],
  signal?: AbortSignal,
): Promise<{ readonly digest: string; readonly size: number }> {
  const bytes = await collect(archiveBytes(members), signal);
  const source = { size: bytes.byteLength, digest: digestOf(bytes), open: () => onePiece(bytes) };
  if ((await createFileOnce(path, source, { signal })) === 'exists') throw archiveExists(path);
  return { digest: source.digest, size: source.size };
}

/** What a caller says who finds the file there before the run. */
export function archiveExists(path: string): UsageError {
  return new UsageError('USAGE', `${path} is there already, an archive never replaces another`, {
    hint: 'name another file, or remove that one',
    details: { path },
  });
}

async function collect(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const collected: Uint8Array[] = [];
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    collected.push(chunk);
  }
  return Buffer.concat(collected);
}
