import type { Arch } from '../../core/target.ts';

/**
 * Machine code that waits until it is killed: whatever a signal wakes it for, it waits again. Each is a loop around one
 * system call without arguments, `pause` on amd64 and `ppoll` of nothing on arm64, which has no `pause`.
 */
const CODE: Readonly<Record<Arch, readonly number[]>> = {
  // push 34; pop rax; syscall; jmp to the push
  amd64: [0x6a, 0x22, 0x58, 0x0f, 0x05, 0xeb, 0xf9],
  // mov x0..x3, #0; mov x8, #73; svc #0; b to the first
  arm64: [
    ...[0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0x02, 0x00, 0x80, 0xd2, 0x03, 0x00, 0x80, 0xd2],
    ...[0x28, 0x09, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4, 0xfa, 0xff, 0xff, 0x17],
  ],
};

const MACHINE: Readonly<Record<Arch, number>> = { amd64: 62, arm64: 183 };

const HEADER = 64;
const PROGRAM_HEADER = 56;
const CODE_AT = HEADER + 2 * PROGRAM_HEADER;
/** A multiple of every page size that Linux has on these machines. */
const BASE = 0x400000n;
const PAGE = 0x10000n;

/**
 * A static executable of some 200 bytes that does nothing but wait. A container of any image can run it as its first
 * program, also one that has no shell and no C library. Source: elf(5).
 * @param arch of the machine that runs it, which need not be what the image is for.
 */
export function waitProgram(arch: Arch): Uint8Array {
  const code = CODE[arch];
  const size = CODE_AT + code.length;
  const file = Buffer.alloc(size);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bit, little-endian, version 1
  file.writeUInt16LE(2, 16); // an executable
  file.writeUInt16LE(MACHINE[arch], 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BASE + BigInt(CODE_AT), 24); // where it starts
  file.writeBigUInt64LE(BigInt(HEADER), 32); // where the program headers are
  file.writeUInt16LE(HEADER, 52);
  file.writeUInt16LE(PROGRAM_HEADER, 54);
  file.writeUInt16LE(2, 56);
  writeLoad(file, HEADER, size);
  writeStack(file, HEADER + PROGRAM_HEADER);
  file.set(code, CODE_AT);
  return file;
}

/** The whole file is loaded, readable and executable. */
function writeLoad(file: Buffer, at: number, size: number): void {
  file.writeUInt32LE(1, at);
  file.writeUInt32LE(5, at + 4);
  file.writeBigUInt64LE(BASE, at + 16);
  file.writeBigUInt64LE(BASE, at + 24);
  file.writeBigUInt64LE(BigInt(size), at + 32);
  file.writeBigUInt64LE(BigInt(size), at + 40);
  file.writeBigUInt64LE(PAGE, at + 48);
}

/** Without it the stack would be executable, which hardened systems refuse. */
function writeStack(file: Buffer, at: number): void {
  file.writeUInt32LE(0x6474e551, at);
  file.writeUInt32LE(6, at + 4);
  file.writeBigUInt64LE(16n, at + 48);
}
