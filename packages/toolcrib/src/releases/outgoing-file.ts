import { digestOf } from '../core/digest.ts';
import { onePiece } from '../core/one-piece.ts';
import type { ByteSource } from '../stores/store.ts';

/** What a file is to its release, in the order in which a release comes to be. */
export type FileRole = 'claim' | 'artifact' | 'attestation' | 'manifest';

/** One file of a release on its way into a store. */
export interface OutgoingFile extends Omit<ByteSource, 'open'> {
  readonly name: string;
  readonly role: FileRole;
  /**
   * Brings the verified bytes to where they can be read again and again; called only when the store does not have them.
   * Whoever calls it disposes of what it gets.
   */
  obtain(): Promise<ByteSource & AsyncDisposable>;
}

/** A file whose bytes are where they can be read again and again. */
export function readyFile(name: string, role: FileRole, source: ByteSource): OutgoingFile {
  const obtain = () => Promise.resolve({ ...source, [Symbol.asyncDispose]: () => Promise.resolve() });
  return { name, role, digest: source.digest, size: source.size, obtain };
}

/** A file whose bytes are in memory. */
export function heldFile(name: string, role: FileRole, bytes: Uint8Array): OutgoingFile {
  return readyFile(name, role, { digest: digestOf(bytes), size: bytes.byteLength, open: () => onePiece(bytes) });
}
