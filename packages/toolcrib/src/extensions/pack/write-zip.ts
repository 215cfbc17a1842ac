import { ZipFile } from 'yazl';
import type { PackFile } from './collect-files.ts';

/**
 * Before the first time that a ZIP can tell, wherever on earth it is: yazl reads the local clock's time of it and writes
 * 1 January 1980.
 */
const BEFORE_ALL = new Date(0);
const MODE = 0o100644;

/**
 * The bytes of a ZIP: files in the order given, times and modes always the same, nothing about the machine that wrote it.
 * @throws the signal's reason.
 */
export async function writeZip(files: readonly PackFile[], signal: AbortSignal | undefined): Promise<Buffer> {
  const zip = new ZipFile();
  const options = { mtime: BEFORE_ALL, mode: MODE, forceDosTimestamp: true, compress: true };
  for (const { name, bytes } of files) {
    zip.addBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), name, options);
  }
  zip.end();
  const pieces: Buffer[] = [];
  for await (const piece of zip.outputStream) {
    signal?.throwIfAborted();
    if (Buffer.isBuffer(piece)) pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
