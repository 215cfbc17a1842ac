import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { ReadAt } from '../../../src/core/elf-bytes.ts';
import { compareVersions } from '../../../src/core/elf-versions.ts';
import { ELF_HEAD_BYTES, elfHeadFrom, parseElf } from '../../../src/core/elf.ts';
import { IntegrityError } from '../../../src/core/errors.ts';

const file = openSync(process.execPath, 'r');
afterAll(() => closeSync(file));

const fromFile: ReadAt = (offset, length) => {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(file, buffer, 0, length, offset));
};
const fromBytes =
  (bytes: Uint8Array): ReadAt =>
  (offset, length) =>
    bytes.subarray(offset, offset + length);

/** A 64-bit little-endian file of one loaded segment with an interpreter, two libraries, and needed versions. */
function sample(): Buffer {
  const bytes = Buffer.alloc(0x1000);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(bytes);
  bytes.writeUInt16LE(3, 16);
  bytes.writeUInt16LE(62, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(3, 56);
  segment(bytes, 64, 1, 0, 0x400000, 0x1000);
  segment(bytes, 120, 3, 0x200, 0x400200, 28);
  segment(bytes, 176, 2, 0x300, 0x400300, 16 * 7);
  bytes.write('/lib64/ld-linux-x86-64.so.2\0', 0x200);
  bytes.write('\0libc.so.6\0libm.so.6\0GLIBC_2.9\0GLIBC_2.17\0GLIBC_PRIVATE\0$ORIGIN:/opt\0', 0x400);
  const entries = [
    [5, 0x400400],
    [1, 1],
    [1, 11],
    [29, 56],
    [0x6ffffffe, 0x400500],
    [0x6fffffff, 1],
    [0, 0],
  ];
  entries.flat().forEach((value, index) => bytes.writeBigUInt64LE(BigInt(value), 0x300 + 8 * index));
  bytes.writeUInt16LE(1, 0x500);
  bytes.writeUInt16LE(3, 0x502);
  bytes.writeUInt32LE(1, 0x504);
  bytes.writeUInt32LE(16, 0x508);
  [21, 31, 42].forEach((name, index) => {
    bytes.writeUInt32LE(name, 0x510 + 16 * index + 8);
    bytes.writeUInt32LE(16, 0x510 + 16 * index + 12);
  });
  return bytes;
}

function segment(bytes: Buffer, at: number, type: number, offset: number, address: number, size: number): void {
  bytes.writeUInt32LE(type, at);
  bytes.writeBigUInt64LE(BigInt(offset), at + 8);
  bytes.writeBigUInt64LE(BigInt(address), at + 16);
  bytes.writeBigUInt64LE(BigInt(size), at + 32);
}

describe('an ELF file', () => {
  test('tells machine, loader, libraries and the glibc it needs, without section headers', () => {
    expect(parseElf(fromBytes(sample()))).toEqual({
      machine: 'amd64',
      rawMachine: 62,
      class: 64,
      endian: 'little',
      type: 'shared',
      interpreter: '/lib64/ld-linux-x86-64.so.2',
      needed: ['libc.so.6', 'libm.so.6'],
      searchPaths: ['$ORIGIN', '/opt'],
      glibcFloor: '2.17',
      glibcDefined: undefined,
      static: false,
    });
  });

  test('that is a library of glibc tells the highest version it defines', () => {
    const bytes = sample();
    bytes.writeBigUInt64LE(0x6ffffffcn, 0x300 + 8 * 8);
    bytes.writeBigUInt64LE(0x6ffffffdn, 0x300 + 8 * 10);
    bytes.writeBigUInt64LE(3n, 0x300 + 8 * 11);
    [1, 21, 31].forEach((name, index) => {
      const at = 0x500 + 28 * index;
      bytes.writeUInt32LE(20, at + 12);
      bytes.writeUInt32LE(index === 2 ? 0 : 28, at + 16);
      bytes.writeUInt32LE(name, at + 20);
    });
    expect(parseElf(fromBytes(bytes))).toMatchObject({ glibcDefined: '2.17', glibcFloor: undefined });
  });

  test('of other classes is recognised by name', () => {
    const bytes = Buffer.alloc(64);
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 2, 1]).copy(bytes);
    bytes.writeUInt16BE(2, 16);
    bytes.writeUInt16BE(20, 18);
    expect(parseElf(fromBytes(bytes))).toMatchObject({
      machine: undefined,
      rawMachine: 20,
      class: 32,
      endian: 'big',
      type: 'executable',
      static: false,
    });
  });

  test('without segments for a loader is static', () => {
    const bytes = sample();
    bytes.writeUInt16LE(1, 56);
    expect(parseElf(fromBytes(bytes))).toMatchObject({ static: true, needed: [], glibcFloor: undefined });
  });

  test.runIf(process.platform === 'linux')('that runs these tests is read with few bytes', () => {
    let bytes = 0;
    const elf = parseElf((offset, length) => {
      bytes += length;
      return fromFile(offset, length);
    });
    expect(elf.machine).toBe({ x64: 'amd64', arm64: 'arm64' }[process.arch as string]);
    expect(elf.needed).toContain('libc.so.6');
    expect(elf.interpreter).toMatch(/^\/lib/);
    expect(compareVersions(elf.glibcFloor ?? '0', '2.17')).toBeGreaterThanOrEqual(0);
    expect(bytes).toBeLessThan(1_000_000);
  });

  test.each([
    ['an empty file', Buffer.alloc(0)],
    ['a script', Buffer.from('#!/bin/sh\necho this is a script\n')],
    ['a header without the rest', sample().subarray(0, 64)],
    ['a table that is cut', sample().subarray(0, 0x310)],
    ['names that do not end', sample().subarray(0, 0x403)],
  ])('is refused when it is %s', (_, bytes) => {
    expect(() => parseElf(fromBytes(bytes))).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  test('that is damaged is refused or read, with bounded work', () => {
    const samples = [sample(), ...(process.platform === 'linux' ? [readFileSync('/bin/true')] : [])];
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(fc.tuple(fc.oneof(fc.nat({ max: 0x600 }), fc.nat()), fc.nat({ max: 255 })), { maxLength: 8 }),
        fc.option(fc.nat()),
        (original, changes, cut) => {
          const bytes = Buffer.from(original);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          verifyBounded(cut === null ? bytes : bytes.subarray(0, cut % bytes.length));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('with lists that never end is refused', () => {
    const bytes = sample();
    bytes.writeUInt16LE(0xffff, 0x502);
    for (const at of [0x51c, 0x52c, 0x53c]) bytes.writeUInt32LE(0, at);
    bytes.writeBigUInt64LE(0x7fff_ffffn, 0x300 + 8 * 11);
    expect(() => parseElf(fromBytes(bytes))).toThrow(/more than 4096 symbol versions/);
  });
});

describe('the head of an ELF file', () => {
  test('names its machine and its loader', () => {
    expect(elfHeadFrom(sample())).toEqual({ machine: 'amd64', interpreter: '/lib64/ld-linux-x86-64.so.2' });
  });

  test('names its machine also when the rest is cut off or wrong', () => {
    expect(elfHeadFrom(sample().subarray(0, 100))).toEqual({ machine: 'amd64', interpreter: undefined });
    const far = sample();
    far.writeBigUInt64LE(BigInt(ELF_HEAD_BYTES), 128);
    expect(elfHeadFrom(Buffer.concat([far, Buffer.alloc(ELF_HEAD_BYTES)]))?.interpreter).toBeUndefined();
  });

  test('never breaks the reader, whatever a sandbox puts there', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1023), fc.nat(255))), fc.nat(0x1000), (changes, length) => {
        const bytes = sample();
        for (const [at, value] of changes) bytes[at] = value;
        elfHeadFrom(bytes.subarray(0, length));
      }),
    );
    expect(elfHeadFrom(Buffer.from('#!/bin/sh\n'.padEnd(100)))).toBeUndefined();
  });
});

function verifyBounded(bytes: Buffer): void {
  let reads = 0;
  let total = 0;
  try {
    parseElf((offset, length) => {
      expect(Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && length <= 70_000).toBe(true);
      reads += 1;
      total += length;
      return bytes.subarray(offset, offset + length);
    });
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
  }
  expect(reads).toBeLessThan(15_000);
  expect(total).toBeLessThan(64_000_000);
}

test('versions are ordered as numbers', () => {
  expect(['2.17', '2.9', '2.2.5', '2.2'].sort(compareVersions)).toEqual(['2.2', '2.2.5', '2.9', '2.17']);
});
