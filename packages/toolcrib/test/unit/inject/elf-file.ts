/** What a made-up 64-bit little-endian ELF file says; it has the tables that a loader reads, and no code. */
export interface ElfContent {
  /** `e_machine`; 62 (x86-64) by default. */
  readonly machine?: number;
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly runpath?: string;
  /** Symbol versions that it needs of `libc.so.6`. */
  readonly needs?: readonly string[];
  /** Symbol versions that it defines. */
  readonly defines?: readonly string[];
  /** Stands at the end of the file. */
  readonly text?: string;
}

const BASE = 0x400000;
const [DYNAMIC, NEEDS, DEFINES, STRINGS] = [0x1000, 0x2000, 0x3000, 0x4000];

export function elfFile(content: ElfContent): Buffer {
  const { machine = 62, interpreter, needed = [], runpath, needs = [], defines = [], text = '' } = content;
  const strings = createStrings();
  const entries: [number, number][] = [
    ...needed.map((name): [number, number] => [1, strings.add(name)]),
    ...(runpath === undefined ? [] : [[29, strings.add(runpath)] as [number, number]]),
    ...(needs.length === 0 ? [] : pair(0x6ffffffe, NEEDS, 1)),
    ...(defines.length === 0 ? [] : pair(0x6ffffffc, DEFINES, defines.length)),
  ];
  const bytes = Buffer.alloc(0x8000);
  const hasTables = entries.length > 0;
  writeNeeds(bytes, strings, needs);
  writeDefines(bytes, strings, defines);
  [...entries, [5, BASE + STRINGS] as const, [0, 0] as const].forEach(([tag, value], index) => {
    bytes.writeBigUInt64LE(BigInt(tag), DYNAMIC + 16 * index);
    bytes.writeBigUInt64LE(BigInt(value), DYNAMIC + 16 * index + 8);
  });
  bytes.write(`${interpreter ?? ''}\0`, 0x200);
  bytes.write(strings.text(), STRINGS);
  const headers: [number, number, number][] = [
    [1, 0, bytes.length],
    ...(interpreter === undefined ? [] : [[3, 0x200, interpreter.length + 1] as [number, number, number]]),
    ...(hasTables ? [[2, DYNAMIC, 16 * (entries.length + 2)] as [number, number, number]] : []),
  ];
  writeHeaders(bytes, machine, headers);
  return Buffer.concat([bytes, Buffer.from(text)]);
}

function pair(tag: number, at: number, count: number): [number, number][] {
  return [
    [tag, BASE + at],
    [tag + 1, count],
  ];
}

function createStrings() {
  let text = '\0';
  return {
    add(name: string): number {
      const at = text.length;
      text += `${name}\0`;
      return at;
    },
    text: () => text,
  };
}

function writeNeeds(bytes: Buffer, strings: ReturnType<typeof createStrings>, names: readonly string[]): void {
  bytes.writeUInt16LE(1, NEEDS);
  bytes.writeUInt16LE(names.length, NEEDS + 2);
  bytes.writeUInt32LE(16, NEEDS + 8);
  names.forEach((name, index) => {
    bytes.writeUInt32LE(strings.add(name), NEEDS + 16 + 16 * index + 8);
    bytes.writeUInt32LE(16, NEEDS + 16 + 16 * index + 12);
  });
}

function writeDefines(bytes: Buffer, strings: ReturnType<typeof createStrings>, names: readonly string[]): void {
  names.forEach((name, index) => {
    const at = DEFINES + 28 * index;
    bytes.writeUInt32LE(20, at + 12);
    bytes.writeUInt32LE(28, at + 16);
    bytes.writeUInt32LE(strings.add(name), at + 20);
  });
}

function writeHeaders(bytes: Buffer, machine: number, headers: readonly (readonly [number, number, number])[]): void {
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(bytes);
  bytes.writeUInt16LE(3, 16);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(headers.length, 56);
  headers.forEach(([type, offset, size], index) => {
    const at = 64 + 56 * index;
    bytes.writeUInt32LE(type, at);
    bytes.writeBigUInt64LE(BigInt(offset), at + 8);
    bytes.writeBigUInt64LE(BigInt(BASE + offset), at + 16);
    bytes.writeBigUInt64LE(BigInt(size), at + 32);
  });
}
