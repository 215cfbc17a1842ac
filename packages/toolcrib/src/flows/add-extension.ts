import { join } from 'node:path';
import { writeFileAtomically } from '../disk/write-file.ts';
import { readPackExtensions, readPackLock } from '../extensions/declared-extensions.ts';
import { mayMove, parseExtensionSource, sourceKindOf } from '../extensions/extension-source.ts';
import {
  declareExtension,
  NO_PACK_EXTENSIONS,
  PACK_EXTENSIONS_NAME,
  parsePackExtensions,
  type ExtensionDependency,
} from '../extensions/pack-extensions.ts';
import type { LockedExtension } from '../extensions/pack-lock.ts';
import { pinExtension, verifyVersions, verifyWords, withDigest, type Pinning } from '../extensions/pin-extension.ts';
import { holdPack } from './hold-pack.ts';
import type { Host } from './host.ts';
import { locksOf, saveLock } from './lock-extensions.ts';
import { openExtensionPacks, packDirectoryOf } from './open-extensions.ts';
import type { Project } from './project.ts';

/** An extension that a pack shall depend on. */
export interface AddExtensionRequest {
  readonly id: string;
  /** Of any kind; a path is relative to the directory of the pack. */
  readonly reference: string;
  /** Default: `component`. */
  readonly role?: string | undefined;
  /** True: a tag stays in the declaration, and only the lock has its digest. Default: the declaration gets the digest. */
  readonly allowTags?: boolean | undefined;
  /** The directory with `pack.extensions.json`, relative to the host's working directory. Default: that. */
  readonly pack?: string | undefined;
}

/** An extension that a pack depends on now. */
export interface AddedExtension {
  readonly declared: ExtensionDependency;
  readonly locked: LockedExtension;
  /** The reference that it had before; null for a new one. */
  readonly replaced: string | null;
  /** Absolute paths of the files that say so. */
  readonly files: readonly string[];
}

const DEFAULT_ROLE = 'component';

/**
 * Declares an extension, in the place of one of the same id, and locks it, and with it whatever was not locked yet. First
 * its pack is acquired and checked: one that is not sound is not declared.
 * @throws UsageError `USAGE`, `REFERENCE_INVALID`, `CONFIG_INVALID`; as `lockExtensions`.
 */
export async function addExtension(
  project: Project,
  host: Host,
  request: AddExtensionRequest,
): Promise<AddedExtension> {
  const asked = dependencyOf(request);
  const packDirectory = packDirectoryOf(host, request.pack);
  await readPackExtensions(packDirectory); // what is wrong with it is told before anybody is asked
  const packs = openExtensionPacks(project, host);
  const pinning: Pinning = { packDirectory, acquire: (wanted) => packs.acquire(wanted), signal: host.signal };
  try {
    const dependency = needsDigest(asked) ? await withDigest(asked, pinning) : asked;
    const locked = await pinExtension(dependency, (await readPackLock(packDirectory)) ?? [], pinning);
    const fresh = [locked];
    for (;;) {
      const outcome = await holdPack(host, packDirectory, () => declare(dependency, fresh, pinning));
      if (!('unlocked' in outcome)) return { ...outcome, locked };
      for (const each of outcome.unlocked)
        fresh.push(await pinExtension(each, [...outcome.earlier, ...fresh], pinning));
    }
  } finally {
    await packs.close();
  }
}

/** What is declared and has no lock yet, and the locks that there are. */
interface Unlocked {
  readonly unlocked: readonly ExtensionDependency[];
  readonly earlier: readonly LockedExtension[];
}

/**
 * Writes both files, from what stands in them now: another command may have written them since.
 * @param fresh locks that were made for this, that of the dependency among them.
 * @returns without writing anything when something has to be locked first.
 */
async function declare(
  dependency: ExtensionDependency,
  fresh: readonly LockedExtension[],
  { packDirectory, signal }: Pinning,
): Promise<Omit<AddedExtension, 'locked'> | Unlocked> {
  const file = join(packDirectory, PACK_EXTENSIONS_NAME);
  const before = (await readPackExtensions(packDirectory)) ?? NO_PACK_EXTENSIONS;
  const earlier = (await readPackLock(packDirectory)) ?? [];
  const text = declareExtension(before, dependency);
  const { extensions } = parsePackExtensions(text, file);
  const { locks, unlocked } = locksOf(extensions, [...fresh, ...earlier]);
  if (unlocked.length > 0) return { unlocked, earlier };
  verifyVersions(extensions, [...earlier, ...fresh]);
  await writeFileAtomically(file, text, { signal });
  const lock = await saveLock(packDirectory, locks, { signal });
  const replaced = before.extensions.find(({ id }) => id === dependency.id)?.reference ?? null;
  return { declared: dependency, replaced, files: [file, lock.file] };
}

/** Versions of a store are names, so that they have to be allowed. */
function dependencyOf({
  id,
  reference,
  role = DEFAULT_ROLE,
  allowTags = false,
}: AddExtensionRequest): ExtensionDependency {
  verifyWords({ id, role });
  parseExtensionSource(reference);
  const kind = sourceKindOf(reference);
  return { id, role, kind, reference, allowTags: allowTags || kind === 'store' };
}

function needsDigest({ kind, reference, allowTags }: ExtensionDependency): boolean {
  return mayMove(kind) && !allowTags && !reference.includes('@sha256:');
}
