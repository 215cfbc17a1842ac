import { parseElf, type Elf } from './elf.ts';
import { IntegrityError } from './errors.ts';

/** Hands out bytes of a file that lies elsewhere; fewer than asked for only at its end. */
export type ReadElsewhere = (offset: number, length: number) => Promise<Uint8Array>;

/** The tables of an executable lie together: one block holds most of them. In bytes. */
const BLOCK = 64 * 1024;
/** The largest executables have their tables in about ten. */
const MAX_BLOCKS = 128;

/**
 * As {@link parseElf}, for a file whose bytes take time to come: what is missing is fetched, then it is parsed again.
 * @throws IntegrityError `MALFORMED`, also when its tables lie all over the file; what `read` throws.
 */
export async function readElf(read: ReadElsewhere): Promise<Elf> {
  const blocks = new Map<number, Uint8Array>();
  for (;;) {
    try {
      return parseElf((offset, length) => bytesIn(blocks, offset, length));
    } catch (error) {
      if (!(error instanceof MissingBlock)) throw error;
      if (blocks.size >= MAX_BLOCKS) throw scattered();
      blocks.set(error.block, await read(error.block * BLOCK, BLOCK));
    }
  }
}

class MissingBlock extends Error {
  readonly block: number;

  constructor(block: number) {
    super(`block ${block} has to be fetched`);
    this.block = block;
  }
}

/** @throws MissingBlock for the first block that is not there yet. */
function bytesIn(blocks: ReadonlyMap<number, Uint8Array>, offset: number, length: number): Uint8Array {
  const first = Math.floor(offset / BLOCK);
  const found: Uint8Array[] = [];
  for (let index = first; index * BLOCK < offset + length; index++) {
    const block = blocks.get(index);
    if (block === undefined) throw new MissingBlock(index);
    found.push(block);
    if (block.byteLength < BLOCK) break;
  }
  const start = offset - first * BLOCK;
  return Buffer.concat(found).subarray(start, start + length);
}

function scattered(): IntegrityError {
  return new IntegrityError(
    'MALFORMED',
    `not an ELF file that can be read: its tables lie in more than ${MAX_BLOCKS} places`,
  );
}
