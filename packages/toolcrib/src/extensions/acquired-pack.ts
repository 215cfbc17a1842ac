import type { Digest } from '../core/digest.ts';
import { IntegrityError, NotFoundError, RemoteError, type ErrorDetails } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { quotedReference, shownReference } from '../core/shown-reference.ts';
import { sourceKindOf } from './extension-source.ts';
import type { ExtensionDependency } from './pack-extensions.ts';
import { PACK_LOCK_NAME } from './pack-lock.ts';

/** What is to be acquired. */
export interface WantedPack {
  /** Absolute path of the directory of the pack that depends on it. */
  readonly packDirectory: string;
  readonly dependency: Pick<ExtensionDependency, 'id' | 'reference'>;
  /** The digest that is locked: of the pack; for `oci` and `repo` of the manifest. Undefined: nothing is. */
  readonly pin: Digest | undefined;
  /**
   * True: a server is asked, whatever the cache has, unless offline: it may give other bytes by now. What a registry keeps
   * by its digest does not change. Default: false.
   */
  readonly fresh?: boolean;
  /** True: a tag is resolved; only a lock is made so. Default: false. */
  readonly followTags?: boolean;
}

/** A pack whose bytes are what they have to be. */
export interface AcquiredPack {
  readonly bytes: Uint8Array;
  /** Of the bytes. */
  readonly digest: Digest;
  /** What a lock pins: that digest; for `oci` and `repo` the manifest's. */
  readonly pinned: Digest;
  /** The reference of exactly these bytes, where its kind has one. */
  readonly resolvedRef: string;
  readonly mediaType: string | undefined;
  /** Where the bytes were read. */
  readonly tier: 'file' | 'cache' | 'network';
  /** Path or URL, after rewrites and without secrets. */
  readonly where: string;
}

/** How messages call what is wanted: its extension and its reference. */
export function nameOf({ dependency: { id, reference } }: Pick<WantedPack, 'dependency'>): string {
  return `extension ${quoted(id)} (${quotedReference(reference)})`;
}

/** The same for machines. */
export function factsOf({ dependency: { id, reference } }: Pick<WantedPack, 'dependency'>): ErrorDetails {
  return { extension: id, reference: shownReference(reference) };
}

/** How other bytes become those of a version of a store: `ext lock` alone never takes them. */
export const RELEASE_LOCK = `To lock other bytes for a version of a store, take every entry with that source_ref out of ${PACK_LOCK_NAME} first; then "toolcrib ext lock"`;

/**
 * Compares a pack's digest with the locked one.
 * @param where it was read, for the message.
 * @throws IntegrityError `DIGEST_MISMATCH`, naming both.
 */
export function verifyPin(wanted: WantedPack, where: string, digest: Digest): void {
  const { pin } = wanted;
  if (pin === undefined || pin === digest) return;
  const what = `${PACK_LOCK_NAME} pins ${pin}, and ${where} has ${digest}`;
  const isVersion = sourceKindOf(wanted.dependency.reference) === 'store';
  const way = isVersion ? RELEASE_LOCK : '"toolcrib ext lock" locks what is right';
  throw new IntegrityError('DIGEST_MISMATCH', `${nameOf(wanted)} is not what was locked: ${what}`, {
    hint: `nothing of it was used. Find out who changed it. ${way}`,
    details: { ...factsOf(wanted), expected: pin, actual: digest },
  });
}

/** What a pack that is nowhere becomes. @param where it was looked for. */
export function notThere(
  wanted: Pick<WantedPack, 'dependency'>,
  where: string,
  { hint = 'check the reference, and that it was published', cause }: { hint?: string; cause?: unknown } = {},
): NotFoundError {
  return new NotFoundError('NOT_FOUND', `${nameOf(wanted)} is not at ${where}`, {
    hint,
    details: factsOf(wanted),
    cause,
  });
}

/** What a pack that is in no cache becomes when nobody may be asked. */
export function notCached(wanted: Pick<WantedPack, 'dependency'>): RemoteError {
  return new RemoteError('OFFLINE', `offline: ${nameOf(wanted)} is not in the cache`, {
    hint: 'run it online once, without --offline: that puts it into the cache',
    details: factsOf(wanted),
  });
}

/** What a tag becomes when nobody may be asked: no cache knows what it names now. */
export function tagNotAsked(wanted: Pick<WantedPack, 'dependency'>): RemoteError {
  return new RemoteError('OFFLINE', `offline: ${nameOf(wanted)} is a tag, and its registry was not asked for it`, {
    hint: 'a tag can only be locked online: run it without --offline, or declare the digest',
    details: factsOf(wanted),
  });
}

/** The same failure of a server, in the name of the extension. Other errors are handed back as they are. */
export function inTheNameOf(wanted: Pick<WantedPack, 'dependency'>, error: unknown): unknown {
  if (!(error instanceof RemoteError) || error.code === 'STORAGE') return error;
  return new RemoteError(error.code, `${nameOf(wanted)} cannot be fetched: ${error.message}`, {
    ...(error.hint !== undefined && { hint: error.hint }),
    details: { ...error.details, ...factsOf(wanted) },
    cause: error,
  });
}
