import { open } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseElf } from '../../../src/core/elf.ts';
import { readElf, type ReadElsewhere } from '../../../src/core/read-elf.ts';
import { elfFile } from '../inject/elf-file.ts';

const BLOCK = 64 * 1024;

function readerOf(bytes: Uint8Array): ReadElsewhere {
  return (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length));
}

describe('an ELF file whose bytes take time to come', () => {
  test.runIf(process.platform === 'linux')('is read as one that is at hand, with few of its bytes', async () => {
    await using handle = await open(process.execPath, 'r');
    let bytes = 0;
    const elf = await readElf(async (offset, length) => {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset);
      bytes += bytesRead;
      return buffer.subarray(0, bytesRead);
    });
    expect(elf.needed).toContain('libc.so.6');
    expect(elf.glibcFloor).toMatch(/^2\.\d+$/);
    expect(bytes).toBeLessThan(16 * BLOCK);
  });

  test('says the same as one that is at hand, or fails as that does, wherever it is cut', async () => {
    const whole = elfFile({
      interpreter: '/lib64/ld-linux-x86-64.so.2',
      needed: ['libc.so.6'],
      needs: ['GLIBC_2.34'],
      text: 'x'.repeat(3 * BLOCK),
    });
    const outcome = async (work: () => unknown) => {
      try {
        return await work();
      } catch (error) {
        return String(error);
      }
    };
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.option(fc.tuple(fc.nat(0x200), fc.nat(255))), async (end, change) => {
        const bytes = Buffer.from(whole.subarray(0, end));
        if (change !== null && change[0] < end) bytes[change[0]] = change[1];
        const here = await outcome(() => parseElf((offset, length) => bytes.subarray(offset, offset + length)));
        expect(await outcome(() => readElf(readerOf(bytes)))).toEqual(here);
      }),
    );
  });

  test('whose tables lie all over the file is refused before it is read as a whole', async () => {
    // The names of 200 libraries, each in a block of its own.
    const bytes = Buffer.alloc(300 * BLOCK, 1);
    elfFile({ needed: Array.from({ length: 200 }, () => 'x') }).copy(bytes);
    bytes.writeBigUInt64LE(BigInt(bytes.length), 64 + 32);
    for (let index = 0; index < 200; index++) {
      bytes.writeBigUInt64LE(BigInt((index + 1) * BLOCK), 0x1000 + 16 * index + 8);
      bytes[0x4000 + (index + 1) * BLOCK + 1] = 0;
    }
    await expect(readElf(readerOf(bytes))).rejects.toMatchObject({
      code: 'MALFORMED',
      message: expect.stringContaining('more than 128 places') as string,
    });
  });

  test('that cannot be fetched ends with the reason for that', async () => {
    await expect(readElf(() => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
  });
});
