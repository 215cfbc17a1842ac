import { constants } from 'node:fs';
import { copyFile, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isObstacle, manifestPath, namedPackPath, packPath, recordPath, sidecarPath } from '../cache/ext-store.ts';
import { recordUseUnlocked } from '../cache/last-use.ts';
import { layoutOf } from '../cache/layout.ts';
import type { Clock } from '../core/clock.ts';
import { digestOf, isDigest, verifyExpected, type Digest } from '../core/digest.ts';
import { hasCode, messageOf } from '../core/errors.ts';
import { jsonFrom, textOf } from '../core/json-fields.ts';
import type { Reporter } from '../core/reporter.ts';
import { receiveFile, type ReceivedFile, type ReceiveOptions } from '../disk/receive-file.ts';
import { readSmallFile } from '../disk/small-file.ts';
import { onDisk } from '../disk/storage-error.ts';
import { createTemporary, discardTemporary, sweepTemporaries } from '../disk/temporary.ts';
import { ensureDirectory, publishTemporary, writeFileAtomically } from '../disk/write-file.ts';
import { PACK_LIMITS } from './pack/limits.ts';
import { formatStoreRef, type StoreRef } from './store-ref.ts';

/** Bytes with the digest that they have. */
export interface KeptPack {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
}

/** A pack that comes from elsewhere. */
export interface IncomingPack extends Pick<
  ReceiveOptions,
  'announced' | 'bytes' | 'expected' | 'onBytes' | 'signal' | 'what'
> {
  /** Throws when these are not the right bytes: then nothing of them is kept. */
  readonly verify: (pack: KeptPack) => Promise<void> | void;
}

/**
 * Packs on this host (docs/formats.md, "Extensions"). Nothing in it is believed: whatever is handed out was hashed just
 * before. Where the power went, a file may be lost or empty, which counts as not being there; what cannot be kept because
 * a directory stands in its place is said, and does not fail.
 *
 * Calls throw RemoteError `STORAGE` when the disk fails them, and the signal's reason.
 */
export interface PackCache {
  /** @returns the pack of that digest; undefined when there is none. One whose bytes have another is removed. */
  read(digest: Digest, signal?: AbortSignal): Promise<KeptPack | undefined>;
  /** The same of what is there by name and version, as the original resolver left it. It is never removed. */
  readNamed(store: StoreRef, digest: Digest): Promise<KeptPack | undefined>;
  /** What a reference stood for when it was remembered, by our own word first; `store` where it is one of a store. */
  recall(reference: string, store?: StoreRef): Promise<readonly Digest[]>;
  /** Takes a pack in. @throws whatever `verify` throws; as `receiveFile`. */
  receive(pack: IncomingPack): Promise<KeptPack>;
  /** Keeps which bytes a reference stands for, and with `store` a copy of them by that name. They are in the cache. */
  remember(reference: string, digest: Digest, store?: StoreRef): Promise<void>;
  /** The manifest of that digest. */
  readManifest(digest: Digest): Promise<Uint8Array | undefined>;
  /** Keeps a manifest whose pack is in the cache: `cache gc` takes others. */
  keepManifest(bytes: Uint8Array): Promise<void>;
}

/** What a cache of packs needs from the process. */
export interface PackCacheOptions {
  readonly clock: Clock;
  readonly reporter: Reporter;
}

/** Of a record or a sidecar, in bytes. */
const MAX_RECORD_BYTES = 64 * 1024;
/** Of a manifest, in bytes: registries need not take larger ones. */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
/** Nobody waits for the disk: what is lost with the power is found out by its digest. */
const DURABILITY = { durable: false } as const;

/** Opens the packs of a cache. Nothing is made before it is needed. @param cacheDirectory absolute path of the cache. */
export function openPackCache(cacheDirectory: string, { clock, reporter }: PackCacheOptions): PackCache {
  const layout = layoutOf(cacheDirectory);
  const keep = async (path: string, write: (path: string) => Promise<void>): Promise<void> => {
    try {
      await write(path);
    } catch (error) {
      if (!isObstacle(error)) throw error;
      reporter.notice({ kind: 'warning', text: `nothing can be kept as ${path}: move away what stands there` });
    }
  };
  return {
    async read(digest, signal) {
      signal?.throwIfAborted();
      const path = packPath(layout, digest);
      const kept = await readQuietly(path, PACK_LIMITS.maxPackBytes);
      if (kept === 'absent') return undefined;
      if (kept !== 'irregular' && kept.digest === digest) {
        await recordUseUnlocked(path, clock.now());
        return kept;
      }
      await removeCorrupt(path, reporter);
      return undefined;
    },
    async readNamed(store, digest) {
      const kept = await readQuietly(namedPackPath(layout, store), PACK_LIMITS.maxPackBytes);
      return typeof kept === 'object' && kept.digest === digest ? kept : undefined;
    },
    async recall(reference, store) {
      const own = await readRecord(recordPath(layout, reference), digestOf(reference));
      const noted = store && (await readRecord(sidecarPath(layout, store), formatStoreRef(store)));
      return [...new Set([own, noted])].filter((digest) => digest !== undefined);
    },
    async receive({ verify, ...incoming }) {
      await ensureDirectory(layout.extStore);
      await sweepTemporaries(layout.extStore, { now: clock.now() });
      const { maxPackBytes: maxBytes } = PACK_LIMITS;
      const received = await receiveFile({ ...incoming, ...DURABILITY, directory: layout.extStore, maxBytes });
      return await admit(received, verify, () =>
        keep(packPath(layout, received.digest), (path) => publishTemporary(received.path, path, DURABILITY)),
      );
    },
    async remember(reference, digest, store) {
      await ensureDirectory(layout.extStore);
      const keepRecord = (path: string, ref: string): Promise<void> =>
        keep(path, (to) => writeFileAtomically(to, `${JSON.stringify({ ref, digest })}\n`, DURABILITY));
      if (store !== undefined) {
        await keep(namedPackPath(layout, store), (path) => copyTo(packPath(layout, digest), path));
        // After the bytes: a sidecar that says something else than they are makes them count for nothing.
        await keepRecord(sidecarPath(layout, store), formatStoreRef(store));
      }
      // A reference can hold what opens a server, and anybody may read the cache.
      await keepRecord(recordPath(layout, reference), digestOf(reference));
    },
    async readManifest(digest) {
      const kept = await readQuietly(manifestPath(layout, digest), MAX_MANIFEST_BYTES);
      return typeof kept === 'object' && kept.digest === digest ? kept.bytes : undefined;
    },
    async keepManifest(bytes) {
      await ensureDirectory(layout.extStore);
      await keep(manifestPath(layout, digestOf(bytes)), (path) => writeFileAtomically(path, bytes, DURABILITY));
    },
  };
}

async function readQuietly(path: string, maxBytes: number): Promise<KeptPack | 'absent' | 'irregular'> {
  try {
    const bytes = await readSmallFile(path, maxBytes, { followLinks: false });
    return { bytes, digest: digestOf(bytes) };
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return 'absent';
    if (hasCode(error, 'TOO_LARGE') || isObstacle(error)) return 'irregular';
    throw error;
  }
}

async function readRecord(path: string, reference: string): Promise<Digest | undefined> {
  const kept = await readQuietly(path, MAX_RECORD_BYTES);
  const record = typeof kept === 'object' ? jsonFrom(kept.bytes) : undefined;
  const digest = textOf(record, 'digest') ?? '';
  return textOf(record, 'ref') === reference && isDigest(digest) ? digest : undefined;
}

/** Read and hashed once more: what is handed out is what was verified. */
async function admit(
  received: ReceivedFile,
  verify: IncomingPack['verify'],
  publish: () => Promise<void>,
): Promise<KeptPack> {
  try {
    const bytes = await readSmallFile(received.path, received.size, { followLinks: false });
    const { digest, size } = received;
    verifyExpected(received.path, { digest, size }, { digest: digestOf(bytes), size: bytes.byteLength });
    await verify({ bytes, digest });
    await publish();
    return { bytes, digest };
  } finally {
    await discardTemporary(received.path);
  }
}

/** A copy, not a link: the original resolver writes into the file that is there. */
async function copyTo(from: string, to: string): Promise<void> {
  const temporary = await createTemporary(dirname(to));
  try {
    await temporary.handle.close();
    await onDisk('copy', from, () => copyFile(from, temporary.path, constants.COPYFILE_FICLONE));
    await publishTemporary(temporary.path, to, DURABILITY);
  } catch (error) {
    await discardTemporary(temporary.path);
    throw error;
  }
}

/** A cache that cannot be written to keeps what is corrupt, which is never handed out. */
async function removeCorrupt(path: string, reporter: Reporter): Promise<void> {
  let outcome = 'it was removed';
  try {
    await unlink(path);
  } catch (error) {
    outcome = `it could not be removed (${messageOf(error)})`;
  }
  reporter.notice({ kind: 'warning', text: `the cached pack ${path} is not what its name says; ${outcome}` });
}
