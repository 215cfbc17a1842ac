import { join } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { hasCode } from '../core/errors.ts';
import { ifThere, readSmallText } from '../disk/small-file.ts';
import { writeFileAtomically } from '../disk/write-file.ts';
import { readDeclaredExtensions, readPackLock, requirePackExtensions } from '../extensions/declared-extensions.ts';
import { sourceKindOf } from '../extensions/extension-source.ts';
import type { ExtensionDependency } from '../extensions/pack-extensions.ts';
import { byId, formatPackLock, isLockOf, PACK_LOCK_NAME, type LockedExtension } from '../extensions/pack-lock.ts';
import { pinExtension, verifyLocked, verifyVersions, type Pinning } from '../extensions/pin-extension.ts';
import { holdPack } from './hold-pack.ts';
import type { Host } from './host.ts';
import { openExtensionPacks, packDirectoryOf } from './open-extensions.ts';
import type { Project } from './project.ts';

export interface LockOptions {
  /** The directory with `pack.extensions.json`, relative to the host's working directory. Default: that. */
  readonly pack?: string | undefined;
  /** True: nothing is written; the lock has to be there, to agree, and to be what the sources give. */
  readonly frozen?: boolean | undefined;
}

/** The lock of a pack. */
export interface PackLock {
  /** Absolute path of the lock file. */
  readonly file: string;
  /** By id. */
  readonly extensions: readonly LockedExtension[];
  /** True when the file was written, because it said something else or was not there. */
  readonly changed: boolean;
  /** What was locked before with another digest, by id. */
  readonly moved: readonly MovedExtension[];
  /** False when it was offline, and the cache stood for stores, servers and registries. */
  readonly asked: boolean;
}

/** An extension whose lock has another digest now. */
export interface MovedExtension {
  readonly id: string;
  readonly from: Digest;
  readonly to: Digest;
}

/** A lock as it is made, before anybody says what it took. */
type MadeLock = Omit<PackLock, 'asked'>;

/**
 * Locks every extension that a pack declares: tags and versions become digests, and the same ones are the same bytes of
 * the lock file.
 * @throws IntegrityError `DIGEST_MISMATCH` when a store gives other bytes for a version than were locked, or with `frozen`
 * for any other bytes; UsageError `LOCK_OUTDATED` with `frozen`, `CONFIG_INVALID` for a lock that cannot be read, because
 * nobody knows what it pins; as `resolveExtension`.
 */
export async function lockExtensions(
  project: Project,
  host: Host,
  { pack, frozen = false }: LockOptions = {},
): Promise<PackLock> {
  const packDirectory = packDirectoryOf(host, pack);
  const packs = openExtensionPacks(project, host);
  const pinning: Pinning = { packDirectory, acquire: (wanted) => packs.acquire(wanted), signal: host.signal };
  try {
    const lock = frozen ? await verifyLock(pinning) : await writeLock(pinning, host);
    const isFile = ({ sourceRef }: LockedExtension): boolean => sourceKindOf(sourceRef) === 'file';
    return { ...lock, asked: !host.offline || lock.extensions.every(isFile) };
  } finally {
    await packs.close();
  }
}

async function verifyLock(pinning: Pinning): Promise<MadeLock> {
  const { packDirectory } = pinning;
  const { declared, locked = [] } = await readDeclaredExtensions(packDirectory, { frozen: true });
  const extensions = byId(locked);
  for (const lock of extensions) {
    const dependency = declared.extensions.find(({ id }) => id === lock.id);
    if (dependency !== undefined) await verifyLocked(dependency, lock, pinning);
  }
  return { file: join(packDirectory, PACK_LOCK_NAME), extensions, changed: false, moved: [] };
}

async function writeLock(pinning: Pinning, host: Host): Promise<MadeLock> {
  const { packDirectory } = pinning;
  const declared = await requirePackExtensions(packDirectory);
  const earlier = (await readPackLock(packDirectory)) ?? [];
  const fresh: LockedExtension[] = [];
  for (let todo = declared.extensions; ;) {
    for (const dependency of todo) fresh.push(await pinExtension(dependency, [...earlier, ...fresh], pinning));
    const outcome = await holdPack(host, packDirectory, () => saveFresh(fresh, pinning));
    if (!('unlocked' in outcome)) return outcome;
    todo = outcome.unlocked;
  }
}

/** Locks what is declared now: another command may have declared more meanwhile. */
async function saveFresh(
  fresh: readonly LockedExtension[],
  { packDirectory, signal }: Pinning,
): Promise<MadeLock | { readonly unlocked: readonly ExtensionDependency[] }> {
  const declared = await requirePackExtensions(packDirectory);
  const { locks, unlocked } = locksOf(declared.extensions, fresh);
  if (unlocked.length > 0) return { unlocked };
  const before = (await readPackLock(packDirectory)) ?? [];
  verifyVersions(declared.extensions, [...before, ...fresh]);
  const saved = await saveLock(packDirectory, locks, { signal });
  return { ...saved, moved: saved.extensions.flatMap((lock) => movedFrom(before, lock)) };
}

function movedFrom(before: readonly LockedExtension[], { id, digest: to }: LockedExtension): readonly MovedExtension[] {
  const from = before.find((lock) => lock.id === id)?.digest ?? to;
  return from === to ? [] : [{ id, from, to }];
}

/** The lock of each declaration, as far as there is one. @param known the first one of a declaration counts. */
export function locksOf(
  declared: readonly ExtensionDependency[],
  known: readonly LockedExtension[],
): { readonly locks: readonly LockedExtension[]; readonly unlocked: readonly ExtensionDependency[] } {
  const lockOf = (dependency: ExtensionDependency): LockedExtension | undefined =>
    known.find((lock) => isLockOf(lock, dependency));
  return {
    locks: declared.flatMap((dependency) => lockOf(dependency) ?? []),
    unlocked: declared.filter((dependency) => lockOf(dependency) === undefined),
  };
}

/** Writes a lock unless it is there already. @throws RemoteError `STORAGE`; the signal's reason. */
export async function saveLock(
  packDirectory: string,
  locked: readonly LockedExtension[],
  { signal }: Pick<Pinning, 'signal'>,
): Promise<Omit<MadeLock, 'moved'>> {
  const file = join(packDirectory, PACK_LOCK_NAME);
  const extensions = byId(locked);
  const text = formatPackLock(extensions);
  const changed = (await ifThere(readSmallText(file, MAX_COMPARED_BYTES)).catch(ifTooLarge)) !== text;
  if (changed) await writeFileAtomically(file, text, { signal });
  return { file, extensions, changed };
}

/** Of the lock that is there, in bytes: a larger one is another. */
const MAX_COMPARED_BYTES = 4 * 1024 * 1024;

function ifTooLarge(error: unknown): undefined {
  if (hasCode(error, 'TOO_LARGE')) return undefined;
  throw error;
}
