import { SandboxError } from '../../../core/errors.ts';
import type { ByteReader } from '../../../tar/byte-reader.ts';

/** What goes to and comes from the namespace helper: `struct record` of native/namespace-helper/helper.h. */
export type RecordKind =
  | 'opened'
  | 'go'
  | 'directory'
  | 'file'
  | 'link'
  /** A device, a pipe, a socket. */
  | 'other'
  /** There is no such entry. */
  | 'nothing'
  | 'end';

/** One record. Behind it come its path and, of a file and a link, `size` bytes of content. */
export interface HelperRecord {
  readonly kind: RecordKind;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  /** As the sandbox sees it. */
  readonly uid: number;
  /** Of the content that follows, in bytes. */
  readonly size: number;
  /** Major number in the upper 32 bits, minor number in the lower. */
  readonly device: bigint;
  readonly inode: bigint;
  /** Id of the mount, for as long as the helper runs. */
  readonly mount: bigint;
  /** `f_type` of statfs(2). */
  readonly fileSystem: bigint;
  /** `f_flags` of statfs(2). */
  readonly mountFlags: number;
  /** Relative to the tree; '' where there is none. */
  readonly path: string;
}

const RECORD_BYTES = 64;
const MAX_PATH_BYTES = 4096;
const LETTERS: readonly (readonly [RecordKind, string])[] = [
  ['opened', 'o'],
  ['go', 'g'],
  ['directory', 'd'],
  ['file', 'f'],
  ['link', 'l'],
  ['other', 'x'],
  ['nothing', 'n'],
  ['end', 'e'],
];
const CODES = new Map(LETTERS.map(([kind, letter]) => [kind, letter.charCodeAt(0)]));
const KINDS = new Map(LETTERS.map(([kind, letter]) => [letter.charCodeAt(0), kind]));
const NONE: Omit<HelperRecord, 'kind'> = {
  mode: 0,
  uid: 0,
  size: 0,
  device: 0n,
  inode: 0n,
  mount: 0n,
  fileSystem: 0n,
  mountFlags: 0,
  path: '',
};

// The helper runs on this machine, and both of its architectures have the same byte order.
const LITTLE = true;

/** A record with its path, as the helper reads and writes it. What is left out is 0. */
export function formatRecord(record: Partial<HelperRecord> & Pick<HelperRecord, 'kind'>): Uint8Array {
  const { kind, mode, uid, size, device, inode, mount, fileSystem, mountFlags, path } = { ...NONE, ...record };
  const name = Buffer.from(path, 'utf8');
  const bytes = new Uint8Array(RECORD_BYTES + name.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, CODES.get(kind) ?? 0, LITTLE);
  view.setUint32(4, mode, LITTLE);
  view.setUint32(8, uid, LITTLE);
  [BigInt(size), device, inode, mount, fileSystem].forEach((value, index) =>
    view.setBigUint64(16 + 8 * index, value, LITTLE),
  );
  view.setUint32(56, mountFlags, LITTLE);
  view.setUint32(60, name.byteLength, LITTLE);
  bytes.set(name, RECORD_BYTES);
  return bytes;
}

/**
 * Reads one record with its path; its content is left to the caller.
 * @returns undefined when the stream has ended.
 * @throws SandboxError `NOT_INJECTABLE` when it is none, or is cut.
 */
export async function readRecord(source: ByteReader): Promise<HelperRecord | undefined> {
  const bytes = await source.read(RECORD_BYTES);
  if (bytes.byteLength === 0) return undefined;
  if (bytes.byteLength < RECORD_BYTES) throw notARecord();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const big = (index: number) => view.getBigUint64(16 + 8 * index, LITTLE);
  const kind = KINDS.get(view.getUint32(0, LITTLE));
  const size = Number(big(0));
  const length = view.getUint32(60, LITTLE);
  if (kind === undefined || !Number.isSafeInteger(size) || length > MAX_PATH_BYTES) throw notARecord();
  const path = await source.read(length);
  if (path.byteLength < length) throw notARecord();
  return {
    kind,
    mode: view.getUint32(4, LITTLE),
    uid: view.getUint32(8, LITTLE),
    size,
    device: big(1),
    inode: big(2),
    mount: big(3),
    fileSystem: big(4),
    mountFlags: view.getUint32(56, LITTLE),
    path: Buffer.from(path).toString('utf8'),
  };
}

function notARecord(): SandboxError {
  return new SandboxError('NOT_INJECTABLE', 'the namespace helper wrote something that is none of its records');
}
