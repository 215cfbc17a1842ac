import { digestOf } from '../../core/digest.ts';
import { CheckError, UsageError } from '../../core/errors.ts';
import type { MeasuredFile } from '../../disk/digest-file.ts';
import { receiveFileOnce } from '../../disk/write-file.ts';
import { compareCodePoints } from '../../tar/path.ts';
import { gzip, writeTar, type TarEntry } from '../../tar/write.ts';
import { createManifest, type ListedMember } from './manifest.ts';
import type { SignedManifest } from './manifest-signature.ts';
import { createMemberDraft, type FinishedMember, type MemberDraft } from './member-draft.ts';
import { MANIFEST_PATH, memberOrderKey, SIGNATURE_PATH, type ArchiveMember } from './paths.ts';
import { secretRuleIn } from '../redaction/secret-shapes.ts';
import { sweepJson, sweepLines } from '../redaction/secret-sweep.ts';

const MEMBER_MODE = 0o644;

/** The members of a whole archive in their order, the manifest first. */
export type SealedArchive = readonly (ArchiveMember | FinishedMember)[];

/** Makes the text of `toolcrib/manifest.dsse.json`. */
export type SignManifest = (signed: SignedManifest) => string;

/** An archive while its run goes on. Memory does not grow with what is appended to its members. */
export interface ArchiveDraft {
  /** The member of that name; the first call makes it. It is in the archive, also when nothing is appended. */
  member(path: string): MemberDraft;
  /** Takes a member out, whatever it holds. */
  remove(path: string): Promise<void>;
  /** A member that is there as a whole. */
  document(path: string, text: string): void;
  /**
   * Completes it: adds the manifest, and the signature over its digest where somebody signs. Call it once.
   * @throws CheckError `ARCHIVE_REFUSED` when a secret is left in a member; RemoteError `STORAGE`.
   */
  seal(runId: string, sign?: SignManifest): Promise<SealedArchive>;
  /** Call it at the end, whatever happened; sealed members cannot be read afterwards. */
  discard(): Promise<void>;
}

/** Where a draft is kept, and whether it is swept. */
export interface ArchiveDraftOptions {
  /** Of the archive: what does not fit into memory is kept on the same disk, in files without a name. */
  readonly directory: string;
  /** False only where redaction was switched off on demand. Default: true. */
  readonly sweep?: boolean;
}

export function createArchiveDraft({ directory, sweep = true }: ArchiveDraftOptions): ArchiveDraft {
  const members = new Map<string, MemberDraft>();
  const member = (path: string): MemberDraft => {
    const judge = (text: string): void => (sweep ? verifySwept(path, text) : undefined);
    const draft = members.get(path) ?? createMemberDraft({ path, directory, judge });
    members.set(path, draft);
    return draft;
  };
  return {
    member,
    async remove(path) {
      await members.get(path)?.discard();
      members.delete(path);
    },
    document: (path, text) => member(path).append(text),
    async seal(runId, sign) {
      const finished: FinishedMember[] = [];
      for (const draft of members.values()) finished.push(await draft.finish());
      return seal(runId, finished, sign);
    },
    async discard() {
      for (const draft of members.values()) await draft.discard();
    },
  };
}

/**
 * Completes an archive whose members are there: sweeps them for secrets, puts them in order, adds the manifest.
 * @param members all but the manifest, redacted.
 * @throws CheckError `ARCHIVE_REFUSED` naming member and rule: a bug of whoever wrote that member.
 */
export function sealArchive(
  runId: string,
  members: readonly ArchiveMember[],
  sign?: SignManifest,
): readonly ArchiveMember[] {
  for (const { path, bytes } of members) verifySwept(path, Buffer.from(bytes).toString('utf8'));
  return seal(runId, members, sign);
}

function seal<Member extends ListedMember>(
  runId: string,
  members: readonly Member[],
  sign: SignManifest | undefined,
): readonly (Member | ArchiveMember)[] {
  const manifest = Buffer.from(JSON.stringify(createManifest(runId, members)));
  return inOrder([{ path: MANIFEST_PATH, bytes: manifest }, ...members, ...signature(runId, manifest, sign)]);
}

/** The manifest cannot list it: it holds the manifest's digest. */
function signature(runId: string, manifest: Uint8Array, sign: SignManifest | undefined): readonly ArchiveMember[] {
  if (sign === undefined) return [];
  const text = sign({ run_id: runId, manifest: digestOf(manifest) });
  return [{ path: SIGNATURE_PATH, bytes: Buffer.from(text) }];
}

function inOrder<Member extends { readonly path: string }>(members: readonly Member[]): readonly Member[] {
  return [...members].sort((a, b) => compareCodePoints(memberOrderKey(a.path), memberOrderKey(b.path)));
}

/** @param text whole lines of a member of lines, else all of it. */
function verifySwept(path: string, text: string): void {
  const rule = sweepMember(path, text);
  if (rule === undefined) return;
  throw new CheckError('ARCHIVE_REFUSED', `${path} still holds something shaped like a secret (${rule})`, {
    hint: 'nothing was written; a field was not redacted, which is a bug in toolcrib',
    details: { member: path, rule },
  });
}

function sweepMember(path: string, text: string): string | undefined {
  if (path.endsWith('.ndjson')) return sweepLines(text);
  return path.endsWith('.json') ? sweepJson(text, JSON.parse(text)) : secretRuleIn(text);
}

/** The bytes of an archive file. Same members, same bytes. @param members as they were sealed. */
export function archiveBytes(members: SealedArchive): AsyncIterable<Uint8Array> {
  return gzip(writeTar(members.map((member): TarEntry => ({ ...member, kind: 'file', mode: MEMBER_MODE }))));
}

/**
 * Writes an archive file, whole or not at all, also under `kill -9`. **Never overwrites**: an archive is evidence, and a
 * second run that took the place of the first would not be noticed. Look before the run, with the file name at hand.
 * @param members as they were sealed.
 * @returns what was written.
 * @throws UsageError `USAGE` when the file is there; RemoteError `STORAGE`; the signal's reason.
 */
export async function writeArchive(path: string, members: SealedArchive, signal?: AbortSignal): Promise<MeasuredFile> {
  const bytes = archiveBytes(members);
  const written = await receiveFileOnce(path, { bytes, maxBytes: Number.MAX_SAFE_INTEGER, what: path, signal });
  if (written === 'exists') throw archiveExists(path);
  return written;
}

/** What a caller says who finds the file there before the run. */
export function archiveExists(path: string): UsageError {
  return new UsageError('USAGE', `${path} is there already, an archive never replaces another`, {
    hint: 'name another file, or remove that one',
    details: { path },
  });
}
