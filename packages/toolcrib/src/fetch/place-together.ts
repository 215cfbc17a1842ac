import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { readVerified } from '../disk/digest-file.ts';
import { receiveFile } from '../disk/receive-file.ts';
import { onDisk } from '../disk/storage-error.ts';
import { discardTemporary } from '../disk/temporary.ts';
import { publishTemporary } from '../disk/write-file.ts';

/** A file whose bytes are known, to be copied. */
export interface FileToPlace {
  /** What it is called in the folder. */
  readonly name: string;
  /** Where it is now; absolute. */
  readonly path: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** The first bytes of an ELF file. */
const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/**
 * Copies files into a folder, all or none: every one is copied, verified and synced under a temporary name before the
 * first gets its own. Only a crash between the last renames can leave some; each that is there is whole.
 * @param folder absolute; it exists.
 * @throws IntegrityError `DIGEST_MISMATCH`, `SIZE_MISMATCH` when a file changed meanwhile; RemoteError `STORAGE`; the
 * signal's reason. Nothing was placed then.
 */
export async function placeTogether(
  folder: string,
  files: readonly FileToPlace[],
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const staged: { readonly temporary: string; readonly path: string }[] = [];
  try {
    for (const file of files) {
      staged.push({ temporary: await stage(folder, file, options.signal), path: join(folder, file.name) });
    }
    options.signal?.throwIfAborted();
    for (const { temporary, path } of staged) await publishTemporary(temporary, path);
  } finally {
    for (const { temporary } of staged) await discardTemporary(temporary);
  }
}

async function stage(folder: string, file: FileToPlace, signal: AbortSignal | undefined): Promise<string> {
  const { path, digest, size } = file;
  let start: Uint8Array | undefined;
  const received = await receiveFile({
    directory: folder,
    bytes: watched(readVerified(path, { digest, size }, { signal }), (piece) => (start ??= piece.slice(0, ELF.length))),
    expected: { digest, size },
    maxBytes: size,
    what: path,
    mode: 0o644,
    signal,
  });
  if (start !== undefined && ELF.equals(start)) await onDisk('write', received.path, () => chmod(received.path, 0o755));
  return received.path;
}

async function* watched(
  bytes: AsyncIterable<Uint8Array>,
  onPiece: (piece: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    onPiece(piece);
    yield piece;
  }
}
