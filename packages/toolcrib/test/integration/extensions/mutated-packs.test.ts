import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IntegrityError, NotFoundError } from '../../../src/core/errors.ts';
import { openPack, type PackComponent } from '../../../src/extensions/pack/read-pack.ts';
import { digestText, sidecarEntry, zipBytes, type TestEntry } from '../../unit/extensions/pack/zip-bytes.ts';

const RUNS = 10_000;
const LIMITS = { maxPackBytes: 50_000, maxEntries: 8, maxEntryBytes: 9_000, maxTotalBytes: 20_000 };

const WASM = Buffer.concat([Buffer.from('\0asm\r\0\x01\0', 'latin1'), Buffer.from('a component '.repeat(500))]);
const DESCRIBE: TestEntry = { name: 'describe.json', content: '{"contributions":{"tools":[{"name":"get"}]}}' };
/** Stored, so that what is advertised can be looked for in the bytes of the pack, whatever became of them. */
const SIDECAR: TestEntry = { ...sidecarEntry(WASM), method: 0 };
const COMPONENT: TestEntry = { name: 'component.wasm', content: WASM };

const SOUND: readonly Buffer[] = [
  zipBytes([SIDECAR, COMPONENT, DESCRIBE]),
  zipBytes([COMPONENT, DESCRIBE, SIDECAR], { zip64: {} }),
  zipBytes([SIDECAR, { ...COMPONENT, isStreamed: true }, { ...DESCRIBE, method: 0 }]),
  zipBytes([{ ...COMPONENT, method: 0 }, SIDECAR], { comment: Buffer.from('sha256:') }),
];

/** Somewhere in a pack; what matters most stands at its ends. */
const place = fc.oneof(fc.nat(10_000), fc.integer({ min: -300, max: -1 }), fc.nat(100));
const at = (bytes: Uint8Array, where: number): number =>
  ((where % bytes.byteLength) + bytes.byteLength) % bytes.byteLength;

const flipped = fc
  .tuple(fc.constantFrom(...SOUND), fc.array(fc.tuple(place, fc.nat(7)), { minLength: 1, maxLength: 6 }))
  .map(([pack, bits]) => {
    const bytes = Buffer.from(pack);
    for (const [where, bit] of bits) bytes[at(bytes, where)] = (bytes[at(bytes, where)] ?? 0) ^ (1 << bit);
    return bytes;
  });

const cut = fc
  .tuple(fc.constantFrom(...SOUND), place, place)
  .map(([pack, from, to]) => Buffer.concat([pack.subarray(0, at(pack, from)), pack.subarray(at(pack, to))]));

const spliced = fc
  .tuple(fc.constantFrom(...SOUND), fc.constantFrom(...SOUND), place, place, place)
  .map(([pack, other, where, from, to]) => {
    const [first, last] = [at(other, from), at(other, to)].toSorted((a, b) => a - b);
    return Buffer.concat([
      pack.subarray(0, at(pack, where)),
      other.subarray(first, last),
      pack.subarray(at(pack, where)),
    ]);
  });

/** Headers that lie, with everything around them in order. */
const number = fc.oneof(fc.nat(9_500), fc.constantFrom(0, 8, 0xffff, 0xffffffff), fc.nat(0xffffffff));
const size = fc.record({ size: number, packedSize: number, crc: number }, { requiredKeys: [] });
const entry = fc
  .tuple(
    fc.constantFrom(SIDECAR, COMPONENT, DESCRIBE),
    fc.record(
      {
        central: size,
        local: size,
        isStreamed: fc.boolean(),
        method: fc.constantFrom(0 as const, 8 as const),
        content: fc.constantFrom<string | Uint8Array>('', WASM, Buffer.alloc(20_000), SIDECAR.content ?? ''),
        name: fc.constantFrom('component.wasm', 'component.json', 'describe.json', '../a', 'a'),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([honest, lies]): TestEntry => ({ ...honest, ...lies }));
const lying = fc
  .tuple(fc.array(entry, { maxLength: 5 }), fc.record({ size: number, offset: number }, { requiredKeys: [] }))
  .map(([entries, end]) => zipBytes([SIDECAR, ...entries], { end }));

async function componentOf(bytes: Uint8Array): Promise<PackComponent | undefined> {
  try {
    const pack = await openPack(bytes, { extensionId: 'greentic.http', limits: LIMITS });
    await pack.verifyEntries();
    await pack.readTools().catch(demandExpected);
    return await pack.readComponent();
  } catch (error) {
    demandExpected(error);
    return undefined;
  }
}

function demandExpected(error: unknown): void {
  if (error instanceof IntegrityError || error instanceof NotFoundError) return;
  throw error;
}

test('ten thousand damaged packs are refused or give out what they advertise, within the limits', async () => {
  const seen = { given: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(fc.oneof(flipped, cut, spliced, lying), async (bytes) => {
      const component = await componentOf(bytes);
      if (component === undefined) {
        seen.refused++;
        return;
      }
      seen.given++;
      expect(component.digest).toBe(digestText(component.bytes));
      expect(bytes.includes(component.digest)).toBe(true);
      expect(component.bytes.byteLength).toBeLessThanOrEqual(LIMITS.maxEntryBytes);
    }),
    { numRuns: RUNS },
  );
  expect(seen.given + seen.refused).toBe(RUNS);
  expect(seen.given).toBeGreaterThan(0);
  expect(seen.refused).toBeGreaterThan(RUNS / 2);
});
