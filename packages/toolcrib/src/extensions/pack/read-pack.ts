import type { FileHandle } from 'node:fs/promises';
import { digestOf, type Digest } from '../../core/digest.ts';
import { IntegrityError, NotFoundError } from '../../core/errors.ts';
import { quoted } from '../../core/printable.ts';
import { MAX_SIDECAR, parseComponentSidecar, SIDECAR_NAME } from './component-sidecar.ts';
import { DESCRIBE_NAME, parseDescribe, type DescribedTool } from './describe.ts';
import { PACK_LIMITS, type PackLimits } from './limits.ts';
import { packBytes, type PackBytes } from './pack-bytes.ts';
import { createPackRefusal, wellFormed, type PackRefusal } from './pack-refusal.ts';
import { readEntry } from './read-entry.ts';
import { readZipEntries, type ZipEntry } from './zip-entries.ts';

/** How a pack is read. */
export interface OpenPackOptions {
  /** As messages name it: the id in `pack.extensions.json`. */
  readonly extensionId: string;
  readonly limits?: PackLimits;
  /** Ends every reading of this pack. */
  readonly signal?: AbortSignal | undefined;
}

/** The component of a pack. */
export interface PackComponent {
  /** What `component.json` says of it; informational. */
  readonly id: string;
  /** The name of its entry. */
  readonly asset: string;
  /** They may be part of the bytes that the pack was opened from. */
  readonly bytes: Uint8Array;
  /** Of `bytes`, measured; equal to what `component.json` says. */
  readonly digest: Digest;
}

/** An open `.gtxpack`, whose directory is sound. */
export interface Pack {
  /** Every entry, in the order of their bytes. */
  readonly entries: readonly Pick<ZipEntry, 'name' | 'size'>[];
  /**
   * @throws NotFoundError `NOT_FOUND` when the pack has no component; IntegrityError `DIGEST_MISMATCH`, `MALFORMED`,
   * `TOO_LARGE`; RemoteError `STORAGE`; the signal's reason.
   */
  readComponent(): Promise<PackComponent>;
  /**
   * The tools that its `describe.json` names.
   * @throws NotFoundError `NOT_FOUND` without one; IntegrityError `MALFORMED`, `TOO_LARGE`; RemoteError `STORAGE`; the
   * signal's reason.
   */
  readTools(): Promise<readonly DescribedTool[]>;
  /** Reads every entry and compares its checksum. @throws as {@link readTools}. */
  verifyEntries(): Promise<void>;
  /** Closes the file that it was opened from. */
  close(): Promise<void>;
}

/** In bytes. */
const MAX_DESCRIBE = 4 * 1024 ** 2;

/**
 * Opens a `.gtxpack` where it lies: nothing is unpacked to disk, and only what is asked for is read.
 * @param source a file, which the pack closes (also when it cannot be opened), or the bytes of one.
 * @throws IntegrityError `MALFORMED` for whatever is no sound ZIP, `TOO_LARGE`; RemoteError `STORAGE`; the signal's reason.
 */
export async function openPack(source: FileHandle | Uint8Array, options: OpenPackOptions): Promise<Pack> {
  const close = async (): Promise<void> => {
    if (!(source instanceof Uint8Array)) await source.close();
  };
  try {
    return { ...(await readPack(source, options)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface PackContext {
  readonly bytes: PackBytes;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  readonly extensionId: string;
  readonly refusal: PackRefusal;
  readonly signal: AbortSignal | undefined;
}

async function readPack(source: FileHandle | Uint8Array, options: OpenPackOptions): Promise<Omit<Pack, 'close'>> {
  const { extensionId, limits = PACK_LIMITS, signal } = options;
  const refusal = createPackRefusal(extensionId);
  const bytes = await packBytes(source, { what: `the .gtxpack of ${quoted(extensionId)}`, refusal, signal });
  if (bytes.size > limits.maxPackBytes) throw refusal.tooLarge(`${bytes.size} bytes`, limits.maxPackBytes);
  const entries = await wellFormed(refusal, () => readZipEntries(bytes, limits, refusal), signal);
  const context = { bytes, entries, extensionId, refusal, signal };
  return {
    entries: [...entries.values()].map(({ name, size }) => ({ name, size })),
    readComponent: () => readComponent(context),
    readTools: () => readTools(context),
    async verifyEntries() {
      for (const entry of entries.values()) await read(context, entry);
    },
  };
}

function read({ bytes, refusal, signal }: PackContext, entry: ZipEntry): Promise<Buffer> {
  return wellFormed(refusal, () => readEntry(bytes, entry, refusal), signal);
}

async function readComponent(context: PackContext): Promise<PackComponent> {
  const { entries, extensionId, refusal } = context;
  const sidecar = entries.get(SIDECAR_NAME);
  if (sidecar === undefined) throw noComponent(extensionId, `its .gtxpack has no ${SIDECAR_NAME}`);
  if (sidecar.size > MAX_SIDECAR) throw refusal.tooLarge(`a ${SIDECAR_NAME} of ${sidecar.size} bytes`, MAX_SIDECAR);
  const refuse = (what: string): Error => refusal.malformed(`its ${SIDECAR_NAME} is not as it should be: ${what}`);
  const { id, asset, digest } = parseComponentSidecar(await read(context, sidecar), refuse);
  if (asset.trim() === '') throw noComponent(extensionId, `component.asset in its ${SIDECAR_NAME} is empty`);
  const entry = entries.get(asset);
  if (entry === undefined) throw noComponent(extensionId, `its .gtxpack has no ${quoted(asset)}, which is its asset`);
  if (asset.endsWith('/')) throw noComponent(extensionId, `its asset, ${quoted(asset)}, is a directory`);
  const bytes = await read(context, entry);
  const actual = digestOf(bytes);
  if (actual !== digest) throw otherComponent(extensionId, digest, actual);
  return { id, asset, bytes, digest: actual };
}

async function readTools(context: PackContext): Promise<readonly DescribedTool[]> {
  const { entries, extensionId, refusal } = context;
  const entry = entries.get(DESCRIBE_NAME);
  if (entry === undefined) {
    throw new NotFoundError('NOT_FOUND', `the .gtxpack of extension ${quoted(extensionId)} has no ${DESCRIBE_NAME}`, {
      hint: 'its publisher has to pack it with one: only that file says which secrets its tools need',
      details: { extension: extensionId },
    });
  }
  if (entry.size > MAX_DESCRIBE) throw refusal.tooLarge(`a ${DESCRIBE_NAME} of ${entry.size} bytes`, MAX_DESCRIBE);
  return parseDescribe(await read(context, entry), (what) =>
    refusal.malformed(`its ${DESCRIBE_NAME} is not as it should be: ${what}`),
  );
}

function noComponent(extensionId: string, why: string): NotFoundError {
  return new NotFoundError('NOT_FOUND', `extension ${quoted(extensionId)} embeds no runtime component: ${why}`, {
    hint: 'depend on an extension that has one, or have its publisher pack it with "toolcrib ext pack"',
    details: { extension: extensionId },
  });
}

function otherComponent(extensionId: string, expected: string, actual: Digest): IntegrityError {
  const told = `${SIDECAR_NAME} says ${quoted(expected)}, the component has ${actual}`;
  return new IntegrityError(
    'DIGEST_MISMATCH',
    `the component of extension ${quoted(extensionId)} is another: ${told}`,
    {
      hint: 'nothing of it was used: get the pack again, or have its publisher pack it again',
      details: { extension: extensionId, expected: expected.slice(0, 200), actual },
    },
  );
}
