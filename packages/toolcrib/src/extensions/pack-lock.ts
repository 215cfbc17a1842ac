import * as z from 'zod/mini';
import { isDigest, type Digest } from '../core/digest.ts';
import { UsageError } from '../core/errors.ts';
import { parseDocument } from '../core/json-document.ts';
import { quoted } from '../core/printable.ts';
import '../core/schema-messages.ts';
import { quotedReference } from '../core/shown-reference.ts';
import { refuseDuplicates, refuseEmpty, type Refuse } from './refuse-entry.ts';
import { PACK_EXTENSIONS_NAME, type ExtensionDependency } from './pack-extensions.ts';

/** What the file is called in the directory of a pack. */
export const PACK_LOCK_NAME = 'pack.extensions.lock.json';

/** What an extension was when it was locked: docs/formats.md, "Extensions". */
export interface LockedExtension {
  readonly id: string;
  readonly role: string;
  /** The reference that was locked. */
  readonly sourceRef: string;
  /** The reference of exactly these bytes, where its kind has one. */
  readonly resolvedRef: string;
  /** Of the pack; of the manifest for `oci` and `repo`. */
  readonly digest: Digest;
  readonly mediaType: string | undefined;
  /** Of the pack, in bytes. */
  readonly size: number | undefined;
}

const entrySchema = z.object({
  id: z.string(),
  role: z.string(),
  source_ref: z.string(),
  resolved_ref: z.string(),
  digest: z.string(),
  media_type: z.nullish(z.string()),
  size_bytes: z.nullish(z.int().check(z.minimum(0))),
});
const lockSchema = z.object({ version: z.literal(1), extensions: z._default(z.array(entrySchema), []) });

const HINT =
  'restore it; or delete it, and "toolcrib ext lock" locks anew what the sources give, whatever it was before';

/**
 * Reads a `pack.extensions.lock.json`. Keys that the format does not name are passed over.
 * @param where path of the file, for messages.
 * @throws UsageError `CONFIG_INVALID`, quoting the extension.
 */
export function parsePackLock(text: Uint8Array | string, where: string): readonly LockedExtension[] {
  const refuse: Refuse = (what) =>
    new UsageError('CONFIG_INVALID', `${where}: ${what}`, { hint: HINT, details: { file: where } });
  const { extensions } = parseDocument(lockSchema, text, refuse);
  const locked = extensions.map((entry) => lockedFrom(entry, refuse));
  refuseDuplicates(locked, refuse);
  return locked;
}

function lockedFrom(entry: z.infer<typeof entrySchema>, refuse: Refuse): LockedExtension {
  const { id, role, source_ref: sourceRef, resolved_ref: resolvedRef, digest } = entry;
  refuseEmpty({ id, role, source_ref: sourceRef, resolved_ref: resolvedRef }, refuse);
  if (!isDigest(digest)) {
    throw refuse(`extension ${quoted(id)} has digest ${quoted(digest)}, expected sha256:<64 lowercase hex>`);
  }
  const [mediaType, size] = [entry.media_type ?? undefined, entry.size_bytes ?? undefined];
  return { id, role, sourceRef, resolvedRef, digest, mediaType, size };
}

/** The order of a lock file. */
export function byId(extensions: readonly LockedExtension[]): readonly LockedExtension[] {
  return extensions.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** The same bytes for the same locks: by id, whatever order they were declared in. */
export function formatPackLock(extensions: readonly LockedExtension[]): string {
  const entries = byId(extensions).map(({ id, role, sourceRef, resolvedRef, digest, mediaType, size }) => ({
    id,
    role,
    source_ref: sourceRef,
    resolved_ref: resolvedRef,
    digest,
    ...(mediaType !== undefined && { media_type: mediaType }),
    ...(size !== undefined && { size_bytes: size }),
  }));
  return `${JSON.stringify({ version: 1, extensions: entries }, undefined, 2)}\n`;
}

/** True when a lock is of this declaration. */
export function isLockOf(locked: LockedExtension, { id, role, reference }: ExtensionDependency): boolean {
  return locked.id === id && locked.role === role && locked.sourceRef === reference;
}

/**
 * Compares a lock with what is declared.
 * @throws UsageError `LOCK_OUTDATED` naming the extension that is missing, superfluous, or declared otherwise.
 */
export function verifyAlignment(declared: readonly ExtensionDependency[], locked: readonly LockedExtension[]): void {
  const locks = new Map(locked.map((lock) => [lock.id, lock]));
  for (const dependency of declared) {
    const what = disagreement(dependency, locks.get(dependency.id));
    if (what !== undefined) throw outdated(dependency.id, what);
  }
  const ids = new Set(declared.map(({ id }) => id));
  const extra = locked.find(({ id }) => !ids.has(id));
  if (extra !== undefined) throw outdated(extra.id, `has it, and ${PACK_EXTENSIONS_NAME} does not`);
}

function disagreement({ role, reference }: ExtensionDependency, lock: LockedExtension | undefined): string | undefined {
  if (lock === undefined) return `lacks it, and ${PACK_EXTENSIONS_NAME} has it`;
  if (lock.role !== role) return `has role ${quoted(lock.role)}, and ${PACK_EXTENSIONS_NAME} has ${quoted(role)}`;
  if (lock.sourceRef === reference) return undefined;
  return `has source_ref ${quotedReference(lock.sourceRef)}, and ${PACK_EXTENSIONS_NAME} has ref ${quotedReference(reference)}`;
}

/**
 * Compares what a lock says beside the digest with what that digest stands for; a lock need not say a type or a size.
 * @throws UsageError `LOCK_OUTDATED` naming what is wrong.
 */
export function verifyLockFacts(locked: LockedExtension, actual: LockedExtension): void {
  const { id, resolvedRef, mediaType = actual.mediaType, size = actual.size } = locked;
  const says = (key: string, said: string, is: string): UsageError =>
    outdated(id, `has ${key} ${said}, and what it locks has ${is}`);
  if (resolvedRef !== actual.resolvedRef) {
    throw says('resolved_ref', quotedReference(resolvedRef), quotedReference(actual.resolvedRef));
  }
  if (mediaType !== actual.mediaType) throw says('media_type', quoted(mediaType ?? ''), quoted(actual.mediaType ?? ''));
  if (size !== actual.size) throw says('size_bytes', String(size), String(actual.size));
}

function outdated(id: string, what: string): UsageError {
  return new UsageError('LOCK_OUTDATED', `extension ${quoted(id)}: ${PACK_LOCK_NAME} ${what}`, {
    hint: '"toolcrib ext lock" brings the lock up to date',
    details: { extension: id },
  });
}
