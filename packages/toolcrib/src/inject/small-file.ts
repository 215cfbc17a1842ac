import { hasCode } from '../core/errors.ts';
import type { SandboxReader } from '../sandboxes/sandbox.ts';
import { readTar } from '../tar/read.ts';

const LIMITS = { maxEntries: 4, maxEntryBytes: 16 * 1024 ** 3, maxTotalBytes: 16 * 1024 ** 3 };

/**
 * The first bytes of a regular file of the sandbox, read without executing anything there.
 * @param limit in bytes; what comes after is not read.
 * @returns undefined when there is no such file, or nothing that can be read as one.
 */
export async function readSmallFile(sandbox: SandboxReader, path: string, limit: number): Promise<Buffer | undefined> {
  const tar = await sandbox.readTar(path);
  if (tar === undefined) return undefined;
  try {
    for await (const member of readTar(tar, LIMITS, path)) {
      return member.kind === 'file' ? await first(member.bytes, limit) : undefined;
    }
  } catch (error) {
    if (!hasCode(error, 'MALFORMED', 'TOO_LARGE')) throw error;
  }
  return undefined;
}

async function first(bytes: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of bytes) {
    pieces.push(new Uint8Array(piece)); // it may be its source's again when the next one is asked for
    size += piece.byteLength;
    if (size >= limit) break;
  }
  return Buffer.concat(pieces).subarray(0, limit);
}
