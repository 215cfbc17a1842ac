import { join } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { IntegrityError, ToolcribError } from '../core/errors.ts';
import {
  isStoredPackId,
  PACKS_FOLDER,
  storedPackName,
  storedPackOf,
  type ListedPack,
  type StoredPackId,
} from '../core/stored-pack.ts';
import { ensureDirectory } from '../disk/write-file.ts';
import { Refusal } from './refusal.ts';
import { openServedFolder, type ServedFile, type Upload } from './served-folder.ts';

/** Judges a pack before anybody can see it. */
export interface PackJudge {
  /** A larger one is not even received, in bytes. */
  readonly maxBytes: number;
  /** @throws IntegrityError or NotFoundError that says what is wrong with it; the signal's reason. */
  verify(path: string, extensionId: string, signal: AbortSignal): Promise<unknown>;
}

/** The packs of a served directory: created once, never changed, and each of them verified before it was there. */
export interface PackFolder {
  /** As `ServedFolder.open`. */
  open(id: StoredPackId): Promise<ServedFile | undefined>;
  /** As `ServedFolder.create`. @throws Refusal 400 for what is no sound pack. */
  create(id: StoredPackId, upload: Omit<Upload, 'verify'>): Promise<Digest | 'exists'>;
  /** All packs, in no order. @throws RemoteError `STORAGE`. */
  list(): Promise<readonly ListedPack[]>;
}

/** @param root of the store, absolute; options as of `openServedFolder`. */
export function openPackFolder(
  root: string,
  judge: PackJudge,
  options: { readonly keep: boolean; readonly signal: AbortSignal },
): PackFolder {
  const path = join(root, PACKS_FOLDER);
  const folder = openServedFolder(path, { ...options, isFileName: (name) => storedPackOf(name) !== undefined });
  const inTurn = createQueue();
  return {
    async open(id) {
      return isStoredPackId(id) ? await folder.open(storedPackName(id)) : undefined;
    },
    async create(id, upload) {
      await ensureDirectory(path);
      const verify = (received: string): Promise<void> =>
        inTurn(() => verifyReceived(judge, received, id, upload.signal));
      return await folder.create(storedPackName(id), { ...upload, verify });
    },
    async list() {
      const files = await folder.list();
      return files.flatMap(({ name, size, digest }) => {
        const id = storedPackOf(name);
        return id === undefined ? [] : [{ ...id, size, digest }];
      });
    },
  };
}

async function verifyReceived(
  judge: PackJudge,
  path: string,
  { name, version }: StoredPackId,
  signal: AbortSignal,
): Promise<void> {
  try {
    signal.throwIfAborted();
    await judge.verify(path, `${name}@${version}`, signal);
  } catch (error) {
    // The words are about the pack: paths of this machine are not in them.
    if (error instanceof IntegrityError) throw new Refusal(400, `${error.message}; nothing was kept`);
    if (error instanceof ToolcribError && error.code === 'NOT_FOUND') throw new Refusal(400, error.message);
    throw error;
  }
}

/** One after another: a pack is unpacked in memory. */
function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
}
