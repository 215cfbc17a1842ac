/** A 64-bit little-endian ELF file without code, that says what it needs. */
export function elfFile(options: {
  machine?: 62 | 183;
  interpreter?: string;
  needed?: readonly string[];
  runPath?: string;
  versions?: readonly string[];
}): Buffer {
  const { machine = 62, interpreter, needed = [], runPath, versions = [] } = options;
  const bytes = Buffer.alloc(0x2000);
  const strings = createStrings(bytes, 0x1000);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(bytes);
  bytes.writeUInt16LE(3, 16);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(56, 54);
  const dynamic: [number, number][] = [
    [5, 0x1000],
    ...needed.map((name): [number, number] => [1, strings(name)]),
    ...(runPath === undefined ? [] : [[29, strings(runPath)] satisfies [number, number]]),
    ...(versions.length === 0
      ? []
      : [[0x6ffffffe, 0x800] satisfies [number, number], [0x6fffffff, 1] satisfies [number, number]]),
  ];
  const segments = [[1, 0, bytes.length], ...(dynamic.length === 1 ? [] : [[2, 0x400, 16 * dynamic.length]])];
  if (interpreter !== undefined) {
    bytes.write(`${interpreter}\0`, 0x300);
    segments.push([3, 0x300, interpreter.length + 1]);
  }
  bytes.writeUInt16LE(segments.length, 56);
  segments.forEach(([type = 0, offset = 0, size = 0], index) => {
    bytes.writeUInt32LE(type, 64 + 56 * index);
    for (const at of [8, 16]) bytes.writeBigUInt64LE(BigInt(offset), 64 + 56 * index + at);
    bytes.writeBigUInt64LE(BigInt(size), 64 + 56 * index + 32);
  });
  dynamic.flat().forEach((value, index) => bytes.writeBigUInt64LE(BigInt(value), 0x400 + 8 * index));
  writeVersions(bytes, versions.map(strings));
  return bytes;
}

function createStrings(bytes: Buffer, base: number): (text: string) => number {
  let end = base + 1;
  return (text) => {
    const at = end - base;
    end += bytes.write(`${text}\0`, end);
    return at;
  };
}

function writeVersions(bytes: Buffer, names: readonly number[]): void {
  bytes.writeUInt16LE(names.length, 0x802);
  bytes.writeUInt32LE(16, 0x808);
  names.forEach((name, index) => {
    bytes.writeUInt32LE(name, 0x810 + 16 * index + 8);
    bytes.writeUInt32LE(16, 0x810 + 16 * index + 12);
  });
}
