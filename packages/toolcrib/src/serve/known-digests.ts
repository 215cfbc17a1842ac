import { constants, type BigIntStats } from 'node:fs';
import { writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import '../core/schema-messages.ts';
import { createDigester, isDigest, type Digest } from '../core/digest.ts';
import { hasCode } from '../core/errors.ts';
import { openRegularFile } from '../disk/open-regular-file.ts';
import { onDisk } from '../disk/storage-error.ts';
import { ensureDirectory } from '../disk/write-file.ts';
import { Refusal } from './refusal.ts';

/** Digests of the files of one folder, each measured here and remembered for as long as its file stays as it was. */
export interface KnownDigests {
  /**
   * The digest of an open file: remembered, or measured now.
   * @throws Refusal 503 when the file changes meanwhile; RemoteError `STORAGE`; the signal's reason.
   */
  of(name: string, handle: FileHandle, stats: BigIntStats): Promise<Digest>;
  /** The digest of a file, where it is remembered without looking anywhere. */
  known(name: string, stats: BigIntStats): Digest | undefined;
  /** Remembers what was measured while the bytes came. @param stats of the file in its place. */
  remember(name: string, stats: BigIntStats, digest: Digest): Promise<void>;
}

/** Below the served folder; carries the version of the format. */
const RECORDS = '.toolcrib-serve/digests-v1';
const RECORD_SCHEMA = 'toolcrib.served-digest.v1';
const BLOCK = 1024 * 1024;
/** In bytes; a record is one line. */
const MAX_RECORD = 1000;

const recordSchema = z.strictObject({
  schema: z.literal(RECORD_SCHEMA),
  identity: z.string(),
  digest: z.custom<Digest>((value) => typeof value === 'string' && isDigest(value)),
});

interface Known {
  readonly identity: string;
  readonly digest: Digest;
}

/**
 * @param folder whose files these are.
 * @param options.keep true: records are written, so that they outlive this process.
 * @param options.signal ends what is being measured.
 */
export function openKnownDigests(
  folder: string,
  options: { readonly keep: boolean; readonly signal: AbortSignal },
): KnownDigests {
  const records = join(folder, RECORDS);
  const known = new Map<string, Known>();
  const measuring = new Map<string, Promise<Digest>>();

  const measure = async (name: string, handle: FileHandle, stats: BigIntStats): Promise<Digest> => {
    const digest = await digestHandle(handle, name, options.signal);
    const after = await onDisk('examine', name, () => handle.stat({ bigint: true }));
    if (identityOf(after) !== identityOf(stats)) throw changing(name);
    await digests.remember(name, stats, digest);
    return digest;
  };

  const digests: KnownDigests = {
    known(name, stats) {
      const before = known.get(name);
      return before?.identity === identityOf(stats) ? before.digest : undefined;
    },
    async of(name, handle, stats) {
      const remembered = digests.known(name, stats);
      if (remembered !== undefined) return remembered;
      const identity = identityOf(stats);
      const record = await readRecord(join(records, name));
      if (record?.identity === identity) {
        known.set(name, record);
        return record.digest;
      }
      const key = `${name} ${identity}`;
      const work = measuring.get(key) ?? measure(name, handle, stats).finally(() => measuring.delete(key));
      measuring.set(key, work);
      return await work;
    },
    async remember(name, stats, digest) {
      const entry = { identity: identityOf(stats), digest };
      known.set(name, entry);
      if (options.keep) await writeRecord(records, name, entry);
    },
  };
  return digests;
}

/** Differs whenever the bytes do: who changes a file cannot choose the time at which its inode changed. */
function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join('-');
}

function changing(name: string): Refusal {
  return new Refusal(503, `${name} is being changed`, { 'retry-after': '1' });
}

async function digestHandle(handle: FileHandle, name: string, signal: AbortSignal): Promise<Digest> {
  const digester = createDigester();
  const block = Buffer.allocUnsafe(BLOCK);
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await onDisk('read', name, () => handle.read(block, 0, BLOCK, digester.size));
    if (bytesRead === 0) return digester.finish();
    digester.update(block.subarray(0, bytesRead));
  }
}

/** Undefined when there is none that can be used: then the file is measured again. */
async function readRecord(path: string): Promise<Known | undefined> {
  try {
    const handle = await openRegularFile(path, { followLinks: false });
    try {
      const block = Buffer.alloc(MAX_RECORD);
      const { bytesRead } = await onDisk('read', path, () => handle.read(block, 0, MAX_RECORD, 0));
      const record = recordSchema.safeParse(JSON.parse(block.toString('utf8', 0, bytesRead)));
      return record.success ? record.data : undefined;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof SyntaxError || hasCode(error, 'NOT_FOUND', 'STORAGE')) return undefined;
    throw error;
  }
}

/** Nothing else than a file is written into, should something stand there. */
const WRITE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * In place and without waiting for the disk, unlike everything else: a record that was cut short is none, and what has no
 * record is measured. What cannot be written costs time later and is no reason to fail now.
 */
async function writeRecord(records: string, name: string, { identity, digest }: Known): Promise<void> {
  const path = join(records, name);
  const text = `${JSON.stringify({ schema: RECORD_SCHEMA, identity, digest })}\n`;
  try {
    await ensureDirectory(records);
    await onDisk('write', path, () => writeFile(path, text, { flag: WRITE }));
  } catch (error) {
    if (!hasCode(error, 'STORAGE')) throw error;
  }
}
