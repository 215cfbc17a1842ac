import type { Arch } from '../core/target.ts';

/** What the first bytes of an ELF file say. */
export interface ElfFacts {
  /** Undefined for a machine that no target has. */
  readonly arch: Arch | undefined;
  /** The program interpreter (dynamic loader) that it names; undefined when it is static or names it further on. */
  readonly interpreter: string | undefined;
}

const MACHINES: ReadonlyMap<number, Arch> = new Map([
  [62, 'amd64'],
  [183, 'arm64'],
]);
const PT_INTERP = 3;
const MAX_HEADERS = 64;

/** Bytes of a file that {@link elfFactsFrom} looks at. */
export const ELF_HEAD = 8192;

/**
 * Reads the start of a 64-bit little-endian ELF file. Source: elf(5).
 * @returns undefined when it is not one.
 */
export function elfFactsFrom(head: Buffer): ElfFacts | undefined {
  const isElf = head.byteLength >= 64 && head.readUInt32BE(0) === 0x7f454c46 && head[4] === 2 && head[5] === 1;
  if (!isElf) return undefined;
  return { arch: MACHINES.get(head.readUInt16LE(18)), interpreter: interpreterIn(head) };
}

function interpreterIn(head: Buffer): string | undefined {
  const table = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  const count = Math.min(head.readUInt16LE(56), MAX_HEADERS);
  for (let index = 0; index < count; index++) {
    const at = table + index * size;
    if (size < 56 || at + size > head.byteLength) return undefined;
    if (head.readUInt32LE(at) === PT_INTERP) return textAt(head, at);
  }
  return undefined;
}

function textAt(head: Buffer, header: number): string | undefined {
  const start = Number(head.readBigUInt64LE(header + 8));
  const length = Number(head.readBigUInt64LE(header + 32));
  if (length > 4096 || start + length > head.byteLength) return undefined;
  return head.toString('latin1', start, start + length).replace(/\0.*$/s, '');
}
