import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import type { ArtifactDescriptor } from '../core/artifact-descriptor.ts';
import { artifactDescriptorSchema } from '../core/artifact-descriptor.ts';
import { digestFromHex, digestHex, isDigest, type Digest } from '../core/digest.ts';
import { hasCode, isSystemError } from '../core/errors.ts';
import { digestFile } from '../disk/digest-file.ts';
import { isIrregular, openRegularFile } from '../disk/open-regular-file.ts';
import { onDisk, storageError } from '../disk/storage-error.ts';
import type { CacheLayout } from './layout.ts';

/** Another way of normalising is another schema: then everything is unpacked again. */
export const UNPACKED_SCHEMA = 'toolcrib.unpacked.v1';

/** One entry of an unpacked artifact, as it stands in the tar. */
export type UnpackedEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      /** In bytes. */
      readonly size: number;
      readonly digest: Digest;
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

/** `v1/unpacked/<hex>.json`: what the tar beside it is. */
export interface UnpackedRecord {
  readonly schema: typeof UNPACKED_SCHEMA;
  readonly sourceDigest: Digest;
  /** The tool that a bare executable was named for; null for a tree, which has its own names. */
  readonly tool: string | null;
  readonly tarDigest: Digest;
  /** In bytes. */
  readonly tarSize: number;
  /** In the order of the tar. */
  readonly entries: readonly UnpackedEntry[];
  readonly descriptor: ArtifactDescriptor | null;
}

const digest = z.custom<Digest>((value) => typeof value === 'string' && isDigest(value));
const mode = z.int().check(z.minimum(0), z.maximum(0o777));
const size = z.int().check(z.minimum(0));

const recordSchema = z.strictObject({
  schema: z.literal(UNPACKED_SCHEMA),
  sourceDigest: digest,
  tool: z.nullable(z.string()),
  tarDigest: digest,
  tarSize: size,
  entries: z.array(
    z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('directory'), path: z.string(), mode }),
      z.strictObject({ kind: z.literal('file'), path: z.string(), mode, size, digest }),
      z.strictObject({ kind: z.literal('link'), path: z.string(), target: z.string() }),
    ]),
  ),
  descriptor: z.nullable(artifactDescriptorSchema),
});

export function unpackedTarPath(layout: CacheLayout, source: Digest): string {
  return join(layout.unpacked, `${digestHex(source)}.tar`);
}

export function unpackedRecordPath(layout: CacheLayout, source: Digest): string {
  return join(layout.unpacked, `${digestHex(source)}.json`);
}

/** The artifact that a file of `unpacked` was made from, by its name; undefined for a foreign file. */
export function unpackedSourceFrom(name: string): Digest | undefined {
  const hex = /^(?<hex>[0-9a-f]{64})\.(?:tar|json)$/.exec(name)?.groups?.['hex'];
  return hex === undefined ? undefined : digestFromHex(hex);
}

/** Compact JSON and a newline. */
export function formatUnpackedRecord(record: UnpackedRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/** Undefined for anything that this version did not write: it is derived, so it is made again. */
export function unpackedRecordFrom(text: string): UnpackedRecord | undefined {
  try {
    const parsed = recordSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Reads the record of an artifact whose tar is there with the size that the record says.
 * @throws RemoteError `STORAGE`.
 */
export async function readUnpackedRecord(layout: CacheLayout, source: Digest): Promise<UnpackedRecord | undefined> {
  const record = await readAnyRecord(layout, source);
  if (record === undefined) return undefined;
  return (await sizeIfThere(unpackedTarPath(layout, source))) === record.tarSize ? record : undefined;
}

/**
 * Reads the record of an artifact, whatever became of its tar.
 * @throws RemoteError `STORAGE`.
 */
export async function readAnyRecord(layout: CacheLayout, source: Digest): Promise<UnpackedRecord | undefined> {
  const text = await readIfThere(unpackedRecordPath(layout, source));
  const record = text === undefined ? undefined : unpackedRecordFrom(text);
  return record?.sourceDigest === source ? record : undefined;
}

/**
 * Compares a record with its tar, all bytes of it.
 * @returns what is wrong; undefined when nothing is.
 */
export async function examineUnpacked(
  layout: CacheLayout,
  source: Digest,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const record = await readUnpackedRecord(layout, source);
  if (record === undefined) return 'the record is not readable, or its tar has another size';
  try {
    const measured = await digestFile(unpackedTarPath(layout, source), { signal, followLinks: false });
    return measured.digest === record.tarDigest ? undefined : 'the tar does not have the digest of its record';
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return 'its tar is gone';
    throw error;
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  const handle = await openRegularFile(path, { followLinks: false }).catch((error: unknown) => {
    if (hasCode(error, 'NOT_FOUND') || isIrregular(error)) return undefined;
    throw error;
  });
  try {
    return handle && (await onDisk('read', path, () => handle.readFile('utf8')));
  } finally {
    await handle?.close();
  }
}

async function sizeIfThere(path: string): Promise<number | undefined> {
  try {
    const stats = await lstat(path);
    return stats.isFile() ? stats.size : undefined;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw storageError(error, 'examine', path);
  }
}
