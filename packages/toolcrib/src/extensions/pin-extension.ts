import type { Digest } from '../core/digest.ts';
import { IntegrityError, UsageError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { factsOf, nameOf, RELEASE_LOCK, type AcquiredPack, type WantedPack } from './acquired-pack.ts';
import type { ExtensionDependency } from './pack-extensions.ts';
import { PACK_LOCK_NAME, verifyLockFacts, type LockedExtension } from './pack-lock.ts';
import { verifyPack } from './pack/verify-pack.ts';

/** What it takes to lock extensions. */
export interface Pinning {
  /** Absolute path of the directory of the pack. */
  readonly packDirectory: string;
  /** @throws as `acquirePack`. */
  readonly acquire: (wanted: WantedPack) => Promise<AcquiredPack>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Locks what a declaration stands for now. Its source is asked, and what it gives has to be a sound pack. A version of a
 * store is locked once, whatever extension and role it was locked for: other bytes under it are never taken.
 * @param earlier the locks that there are.
 * @throws IntegrityError `DIGEST_MISMATCH` when a store gives other bytes than it did, or the locks disagree about what it
 * gave; as `acquirePack` and `openPack`.
 */
export async function pinExtension(
  dependency: ExtensionDependency,
  earlier: readonly LockedExtension[],
  { packDirectory, acquire, signal }: Pinning,
): Promise<LockedExtension> {
  const pin = dependency.kind === 'store' ? pinOfVersion(dependency, earlier) : undefined;
  const acquired = await acquire({ packDirectory, dependency, pin, fresh: true, followTags: true });
  await verifyPack(acquired.bytes, dependency.id, signal);
  return lockOf(dependency, acquired);
}

/** What the version of a store was locked as. @throws IntegrityError `DIGEST_MISMATCH` for two digests of one version. */
function pinOfVersion(dependency: ExtensionDependency, earlier: readonly LockedExtension[]): Digest | undefined {
  const reference = dependency.reference.trim();
  const [pin, other] = new Set(
    earlier.filter(({ sourceRef }) => sourceRef.trim() === reference).map(({ digest }) => digest),
  );
  if (pin === undefined || other === undefined) return pin;
  const what = `${PACK_LOCK_NAME} pins two digests for it, ${pin} and ${other}`;
  throw new IntegrityError('DIGEST_MISMATCH', `${nameOf({ dependency })} is one version of a store, and ${what}`, {
    hint: `find out which of them is right. ${RELEASE_LOCK}`,
    details: { ...factsOf({ dependency }), expected: pin, actual: other },
  });
}

/**
 * Makes sure that locks which came about at the same time agree: another command may have locked other bytes for a version
 * since this one looked.
 * @throws IntegrityError `DIGEST_MISMATCH` for two digests of one version of a store.
 */
export function verifyVersions(declared: readonly ExtensionDependency[], locks: readonly LockedExtension[]): void {
  for (const dependency of declared) if (dependency.kind === 'store') pinOfVersion(dependency, locks);
}

/**
 * Compares a lock with what its source gives.
 * @throws IntegrityError `DIGEST_MISMATCH` for other bytes; UsageError `LOCK_OUTDATED` for anything else that is not so; as
 * `acquirePack` and `openPack`.
 */
export async function verifyLocked(
  dependency: ExtensionDependency,
  lock: LockedExtension,
  { packDirectory, acquire, signal }: Pinning,
): Promise<void> {
  const acquired = await acquire({ packDirectory, dependency, pin: lock.digest, fresh: true });
  await verifyPack(acquired.bytes, dependency.id, signal);
  verifyLockFacts(lock, lockOf(dependency, acquired));
}

/** The declaration of what a tag names now. @throws as {@link pinExtension}. */
export async function withDigest(
  dependency: ExtensionDependency,
  { packDirectory, acquire }: Pinning,
): Promise<ExtensionDependency> {
  const { resolvedRef } = await acquire({ packDirectory, dependency, pin: undefined, followTags: true });
  return { ...dependency, reference: resolvedRef };
}

/** @throws UsageError `USAGE` for an id or a role that is empty, and an id that no `ext://` reference can name. */
export function verifyWords({ id, role }: Pick<ExtensionDependency, 'id' | 'role'>): void {
  const hint = 'e.g. "toolcrib ext add acme.http store://acme.http@1.2.0 --role component"';
  const empty = id.trim() === '' ? 'id' : role.trim() === '' ? 'role' : undefined;
  if (empty !== undefined) throw new UsageError('USAGE', `the ${empty} of an extension must not be empty`, { hint });
  if (!id.includes('#')) return;
  const what = `${quoted(id)} can be no id of an extension: ext://ID#component ends the id at the first "#"`;
  throw new UsageError('USAGE', what, { hint });
}

function lockOf({ id, role, reference }: ExtensionDependency, acquired: AcquiredPack): LockedExtension {
  const { resolvedRef, pinned: digest, mediaType, bytes } = acquired;
  return { id, role, sourceRef: reference, resolvedRef, digest, mediaType, size: bytes.byteLength };
}
