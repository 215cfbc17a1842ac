import { RemoteError } from '../core/errors.ts';
import { createByteReader } from '../tar/byte-reader.ts';
import { BLOCK, isZeroBlock, paddingOf, rawHeaderFrom } from '../tar/header.ts';
import { paxRecordsFrom } from '../tar/pax.ts';

const MAX_EXTENSION_BYTES = 1024 * 1024;

/**
 * Uid of the owner of the first entry of a tar, whatever it is. Reads no more than that and ends the iteration.
 * @returns undefined when there is no entry: engines write such an archive of what went away while they were asked.
 * @throws RemoteError `REMOTE_REFUSED` when it is not a tar.
 */
export async function readFirstOwner(tar: AsyncIterable<Uint8Array>): Promise<number | undefined> {
  const source = createByteReader(tar);
  let extended: number | undefined;
  try {
    for (;;) {
      const block = await source.read(BLOCK);
      if (isZeroBlock(block)) return undefined;
      const header = rawHeaderFrom(block);
      if (typeof header === 'string') throw new RemoteError('REMOTE_REFUSED', `the engine's archive: ${header}`);
      if (header.type !== 'x' && header.type !== 'L' && header.type !== 'K') return extended ?? header.uid ?? 0;
      const body = await source.read(Math.min(header.size + paddingOf(header.size), MAX_EXTENSION_BYTES));
      if (header.type === 'x') extended = uidIn(body.subarray(0, header.size));
    }
  } finally {
    await source.close();
  }
}

function uidIn(records: Uint8Array): number | undefined {
  const uid = paxRecordsFrom(records)?.get('uid');
  return uid === undefined ? undefined : Number(Buffer.from(uid).toString('latin1'));
}
