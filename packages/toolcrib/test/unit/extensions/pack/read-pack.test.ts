import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { PACK_LIMITS, type PackLimits } from '../../../../src/extensions/pack/limits.ts';
import { openPack, type Pack } from '../../../../src/extensions/pack/read-pack.ts';
import { failureOfAsync } from '../../core/failure.ts';
import { digestText, numbers, packBytesOf, sidecarEntry, zipBytes, type TestEntry, type TestZip } from './zip-bytes.ts';

const ID = 'greentic.http';
const WASM = Buffer.from('\0asm\r\0\x01\0 and what a component has', 'latin1');

const openBytes = (bytes: Uint8Array, limits?: PackLimits): Promise<Pack> =>
  openPack(bytes, { extensionId: ID, ...(limits && { limits }) });

const readComponent = async (bytes: Uint8Array) => await (await openBytes(bytes)).readComponent();

async function fileOf(bytes: Uint8Array): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'a.gtxpack'), bytes);
  return join(folder, 'a.gtxpack');
}

/** What a reader is told of a ZIP with these entries. */
const refusal = async (entries: readonly TestEntry[], odd?: TestZip, limits?: PackLimits) =>
  await failureOfAsync(() => openBytes(zipBytes(entries, odd), limits));

describe('the component of a pack', () => {
  test('is read with its digest, from a file and from bytes, stored, deflated or streamed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 100_000, minLength: 0 }),
        fc.constantFrom(0 as const, 8 as const),
        fc.boolean(),
        async (content, method, isStreamed) => {
          const entries = [{ name: 'component.wasm', content, method, isStreamed }, sidecarEntry(content)];
          const path = await fileOf(zipBytes(entries));
          for (const source of [zipBytes(entries), await open(path)]) {
            const pack = await openPack(source, { extensionId: ID });
            const { bytes, digest, asset, id } = await pack.readComponent();
            expect(Buffer.compare(bytes, content)).toBe(0);
            expect({ digest, asset, id }).toEqual({ digest: digestText(content), asset: 'component.wasm', id: ID });
            await pack.close();
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  test('may have any name, and the id in component.json need not be the extension’s', async () => {
    const sidecar = {
      component: { id: 'another', asset: 'assets/component-http.wasm', digest: digestText(WASM), more: 1 },
      x: [],
    };
    const pack = zipBytes([
      { name: 'assets/', content: '', method: 0, attributes: 0o040755 * 0x10000 },
      { name: 'assets/component-http.wasm', content: WASM },
      { name: 'component.json', content: JSON.stringify(sidecar) },
    ]);
    expect(await readComponent(pack)).toMatchObject({ id: 'another', asset: 'assets/component-http.wasm' });
  });

  test('is refused with both digests when it is not what component.json says', async () => {
    const said = digestText(Buffer.from('something else'));
    const error = await failureOfAsync(() => readComponent(packBytesOf(WASM, [], said)));
    expect(error).toMatchObject({ name: 'IntegrityError', code: 'DIGEST_MISMATCH' });
    expect(error.message).toContain(said);
    expect(error.message).toContain(digestText(WASM));
    expect(error.message).toContain(`"${ID}"`);
  });

  test('is compared exactly: a digest in capital letters is another one', async () => {
    const error = await failureOfAsync(() => readComponent(packBytesOf(WASM, [], digestText(WASM).toUpperCase())));
    expect(error.code).toBe('DIGEST_MISMATCH');
  });

  test.each([
    ['no component.json', [{ name: 'component.wasm', content: WASM }], 'its .gtxpack has no component.json'],
    [
      'an empty asset',
      [{ name: 'component.json', content: '{"component":{"id":"a","asset":" ","digest":"b"}}' }],
      'is empty',
    ],
    [
      'a directory as its asset',
      [
        { name: 'assets/', content: '', method: 0 as const, attributes: 0o040755 * 0x10000 },
        {
          name: 'component.json',
          content: `{"component":{"id":"a","asset":"assets/","digest":"${digestText(Buffer.of())}"}}`,
        },
      ],
      '"assets/", is a directory',
    ],
    ['an asset that is not there', [sidecarEntry(WASM)], 'has no "component.wasm", which is its asset'],
  ])('is missing from a pack with %s', async (_, entries, words) => {
    const error = await failureOfAsync(() => readComponent(zipBytes(entries)));
    expect(error).toMatchObject({ name: 'NotFoundError', code: 'NOT_FOUND', details: { extension: ID } });
    expect(error.message).toContain(`extension "${ID}" embeds no runtime component: `);
    expect(error.message).toContain(words);
  });

  test.each([
    ['no JSON', 'component'],
    ['no UTF-8', Buffer.from('{"component":{"id":"\xff","asset":"a","digest":"b"}}', 'latin1')],
    ['another shape', '{"component":{"asset":"component.wasm"}}'],
  ])('cannot be found by a component.json that is %s', async (_, content) => {
    const error = await failureOfAsync(() => readComponent(zipBytes([{ name: 'component.json', content }])));
    expect(error).toMatchObject({ name: 'IntegrityError', code: 'MALFORMED' });
    expect(error.message).toContain('its component.json is not as it should be');
  });

  test('is not handed out when its bytes do not have the checksum of the ZIP', async () => {
    const pack = packBytesOf(WASM);
    const crc = pack.readUInt32LE(14);
    const changed = zipBytes([
      { ...sidecarEntry(WASM), central: { crc: crc ^ 1 }, local: { crc: crc ^ 1 } },
      { name: 'component.wasm', content: WASM },
    ]);
    const error = await failureOfAsync(() => readComponent(changed));
    expect(error).toMatchObject({ code: 'MALFORMED' });
    expect(error.message).toContain('checksum');
  });

  test('is read by nobody who was told to stop', async () => {
    const controller = new AbortController();
    const pack = await openPack(packBytesOf(WASM), { extensionId: ID, signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(pack.readComponent()).rejects.toThrow('enough');
  });
});

describe('describe.json of a pack', () => {
  test('tells its tools', async () => {
    const content = '{"contributions":{"tools":[{"name":"get"}]}}';
    const pack = await openBytes(zipBytes([{ name: 'describe.json', content }]));
    expect(await pack.readTools()).toEqual([{ name: 'get', secrets: [] }]);
  });

  test('that is not there is an error that quotes the extension', async () => {
    const error = await failureOfAsync(async () => await (await openBytes(packBytesOf(WASM))).readTools());
    expect(error).toMatchObject({ name: 'NotFoundError', code: 'NOT_FOUND' });
    expect(error.message).toBe('the .gtxpack of extension "greentic.http" has no describe.json');
  });
});

describe('a pack is refused', () => {
  const a = { name: 'a', content: 'content of a' };
  const b = { name: 'b', content: 'content of b' };

  test.each<readonly [string, readonly TestEntry[], TestZip | undefined, string]>([
    ['an entry twice', [a, b, { ...b, content: 'other' }], undefined, '"b" is there twice'],
    ['an absolute name', [{ name: '/a' }], undefined, 'has an absolute name'],
    ['a drive in a name', [{ name: 'C:a' }], undefined, 'has an absolute name'],
    ['a way out', [{ name: 'a/../../b' }], undefined, 'leads out of the pack'],
    ['a backslash', [{ name: 'a\\b' }], undefined, 'has a backslash'],
    ['a control character', [{ name: 'a\nb' }], undefined, 'has control characters'],
    ['no name', [{ name: '' }], undefined, 'has no name'],
    ['an empty part in a name', [{ name: 'a//b' }], undefined, 'empty or "." part'],
    ['encryption', [{ ...a, central: { flags: 0x801 }, local: { flags: 0x801 } }], undefined, 'is encrypted'],
    ['strong encryption', [{ ...a, central: { flags: 0x841 } }], undefined, 'encryption'],
    ['an unknown compression', [{ ...a, central: { method: 14 }, local: { method: 14 } }], undefined, 'method 14'],
    ['a link', [{ ...a, attributes: 0o120777 * 0x10000 }], undefined, 'is a link or a special file'],
    [
      'a link that was made on a Mac',
      [{ ...a, madeBy: 0x1315, attributes: 0o120777 * 0x10000 }],
      undefined,
      'is a link',
    ],
    ['a link that was made anywhere', [{ ...a, madeBy: 20, attributes: 0o120777 * 0x10000 }], undefined, 'is a link'],
    [
      'encryption of what is stored',
      [{ ...a, method: 0, central: { flags: 0x801 }, local: { flags: 0x801 } }],
      undefined,
      'is encrypted',
    ],
    ['a file and a directory of one name', [a, { name: 'a-b' }, { ...a, name: 'a/b' }], undefined, '"a" is a file and'],
    ['a file that is a directory', [{ name: 'c/d/' }, { ...b, name: 'c/d' }], undefined, '"c/d" is a file and'],
    [
      'two ZIP64 fields',
      [{ ...a, central: { extra: numbers([2, 1], [2, 0], [2, 1], [2, 0]) } }],
      undefined,
      'two ZIP64',
    ],
    ['a directory with content', [{ ...a, name: 'a/' }], undefined, 'is a directory with content'],
    ['another name in the local header', [{ ...a, local: { name: Buffer.from('c') } }], undefined, 'another name'],
    ['another size in the local header', [{ ...a, local: { size: 5 } }], undefined, 'another size'],
    ['another packed size there', [{ ...a, local: { packedSize: 5 } }], undefined, 'another size'],
    ['another checksum there', [{ ...a, local: { crc: 5 } }], undefined, 'another checksum'],
    ['another compression there', [{ ...a, local: { method: 0 } }], undefined, 'another compression'],
    ['another flag there', [{ ...a, local: { flags: 0x808 } }], undefined, 'another flag'],
    [
      'a wrong data descriptor',
      [{ ...a, isStreamed: true, after: Buffer.alloc(16) }],
      undefined,
      'wrong data descriptor',
    ],
    ['no data descriptor', [{ ...a, isStreamed: true, after: Buffer.alloc(0) }], undefined, 'wrong data descriptor'],
    ['overlapping entries', [a, { ...b, offset: 10 }], undefined, 'overlaps what follows it'],
    ['two names for the same bytes', [a, { ...a, name: 'b', offset: 0 }], undefined, 'overlaps'],
    ['bytes between entries', [{ ...a, after: Buffer.from('hidden') }, b], undefined, 'bytes that belong to no entry'],
    ['many bytes between entries', [{ ...a, after: Buffer.alloc(99) }, b], undefined, 'bytes that belong to no entry'],
    ['bytes before the first entry', [a], { before: Buffer.from('#!/bin/sh') }, 'bytes stand before its first entry'],
    ['bytes before the directory', [a], { beforeDirectory: Buffer.alloc(40) }, 'bytes that belong to no entry'],
    ['trailing data', [a], { after: Buffer.from('more') }, 'bytes follow the end of the ZIP'],
    ['a directory elsewhere', [a], { end: { offset: 3 } }, 'does not end where the ZIP ends'],
    ['another number of entries', [a, b], { end: { entries: 1 } }, 'has another size than it says'],
    ['more entries than there are', [a], { end: { entries: 2 } }, 'cannot be used'],
    ['one of several disks', [a], { end: { disk: 1 } }, 'is one part of several'],
    ['a ZIP64 record that lies about sizes', [a], { zip64: { size: 1000 } }, 'ZIP64 record contradicts'],
    ['a ZIP64 record that lies about entries', [a], { zip64: { entries: 2 } }, 'ZIP64 record contradicts'],
    ['a ZIP64 record elsewhere', [a], { zip64: { start: 0 } }, 'not where it should be'],
    ['a ZIP64 record beyond the end', [a], { zip64: { start: 2 ** 52 } }, 'not where it should be'],
    [
      'a size that its bytes cannot have',
      [{ ...a, central: { size: 99_999 } }],
      undefined,
      'larger than its bytes could be',
    ],
    [
      'a stored entry of two sizes',
      [{ ...a, method: 0, central: { size: 3 } }],
      undefined,
      'is stored in another size',
    ],
  ])('with %s', async (_, entries, odd, words) => {
    const error = await refusal(entries, odd);
    expect(error).toMatchObject({ name: 'IntegrityError', code: 'MALFORMED', details: { extension: ID } });
    expect(error.message).toContain(`the .gtxpack of extension "${ID}" cannot be used: `);
    expect(error.message).toContain(words);
  });

  test('with a second name in a field that not every reader knows', async () => {
    const { crc32 } = await import('node:zlib');
    const second = Buffer.concat([Buffer.from([1]), numbers([4, crc32('a')]), Buffer.from('b')]);
    const extra = Buffer.concat([numbers([2, 0x7075], [2, second.byteLength]), second]);
    expect((await refusal([{ ...a, central: { extra } }])).message).toContain('"a" has a second name');
    const { message } = await refusal([{ ...a, local: { extra } }]);
    expect(message).toContain('"a" has a second name in its local header');
  });

  test('with a ZIP64 field in the local header that says other sizes, or too little', async () => {
    const field = (...sizes: readonly number[]): Buffer =>
      Buffer.concat([numbers([2, 1], [2, sizes.length * 8]), ...sizes.map((size) => numbers([8, size]))]);
    const stored = { ...a, method: 0 as const };
    const [right, wrong] = [field(12, 12), field(12, 13)];
    for (const extra of [wrong, field(13, 12), field(12), Buffer.concat([right, wrong])]) {
      for (const more of [{}, { size: 0xffffffff, packedSize: 0xffffffff }]) {
        const { message } = await refusal([{ ...stored, local: { extra, ...more } }]);
        expect(message).toContain('"a" has another size in its local header');
      }
    }
    for (const more of [{}, { size: 0xffffffff }, { size: 0xffffffff, packedSize: 0xffffffff }]) {
      const pack = await openBytes(zipBytes([{ ...stored, local: { extra: right, ...more } }]));
      expect(pack.entries).toHaveLength(1);
    }
  });

  test('when it is no ZIP, or was cut short anywhere', async () => {
    const whole = packBytesOf(WASM);
    expect((await failureOfAsync(() => openBytes(Buffer.alloc(0)))).message).toContain('it is not a ZIP');
    for (let length = 0; length < whole.byteLength; length++) {
      expect((await failureOfAsync(() => openBytes(whole.subarray(0, length)))).code).toBe('MALFORMED');
    }
  });

  test('when an entry unpacks to more or less than it says', async () => {
    for (const size of [WASM.byteLength - 1, WASM.byteLength + 1]) {
      const lying = { name: 'component.wasm', content: WASM, central: { size }, local: { size } };
      const error = await failureOfAsync(() => readComponent(zipBytes([sidecarEntry(WASM), lying])));
      expect(error.code).toBe('MALFORMED');
      expect(error.message).toContain(`does not unpack to its ${size} bytes`);
    }
  });

  test('when more is packed than the stream of an entry holds', async () => {
    const { deflateRawSync } = await import('node:zlib');
    const padded = Buffer.concat([deflateRawSync(WASM), Buffer.from('hidden')]);
    const { crc32 } = await import('node:zlib');
    const fields = { method: 8, size: WASM.byteLength, crc: crc32(WASM) };
    const entry: TestEntry = { name: 'component.wasm', content: padded, method: 0, central: fields, local: fields };
    const error = await failureOfAsync(() => readComponent(zipBytes([sidecarEntry(WASM), entry])));
    expect(error.message).toContain('does not unpack to its');
  });

  test.each<readonly [string, Partial<PackLimits>, string]>([
    ['more entries', { maxEntries: 1 }, '2 entries, above the limit of 1'],
    ['a larger entry', { maxEntryBytes: 11 }, 'an entry "a" of 12 bytes, above the limit of 11'],
    ['more bytes in all', { maxTotalBytes: 23 }, 'entries of 24 bytes, above the limit of 23'],
    ['a larger file', { maxPackBytes: 20 }, 'bytes, above the limit of 20'],
  ])('with %s than allowed', async (_, limit, words) => {
    const error = await refusal([a, b], undefined, { ...PACK_LIMITS, ...limit });
    expect(error).toMatchObject({ name: 'IntegrityError', code: 'TOO_LARGE' });
    expect(error.message).toContain(words);
  });

  test('when a bomb says that it is small', async () => {
    const bomb = {
      name: 'component.wasm',
      content: Buffer.alloc(50_000_000),
      central: { size: 10 },
      local: { size: 10 },
    };
    const error = await failureOfAsync(() => readComponent(zipBytes([sidecarEntry(WASM), bomb])));
    expect(error.message).toContain('does not unpack to its 10 bytes');
  });
});

describe('a sound pack', () => {
  test('may have records of ZIP64 and a comment', async () => {
    const entries = [sidecarEntry(WASM), { name: 'component.wasm', content: WASM }];
    const large = { entries: 0xffff, size: 0xffffffff, offset: 0xffffffff };
    for (const odd of [{ zip64: {} }, { zip64: {}, end: large }, { comment: Buffer.from('by hand') }]) {
      const pack = await openBytes(zipBytes(entries, odd));
      expect(pack.entries).toHaveLength(2);
      await pack.verifyEntries();
    }
  });

  test('leaves no file open and nothing on the disk', async () => {
    const path = await fileOf(packBytesOf(WASM));
    const handle = await open(path);
    const pack = await openPack(handle, { extensionId: ID });
    await pack.readComponent();
    await pack.close();
    expect(handle.fd).toBe(-1);
    const broken = await open(await fileOf(Buffer.from('nothing')));
    await expect(openPack(broken, { extensionId: ID })).rejects.toThrow('not a ZIP');
    expect(broken.fd).toBe(-1);
    expect(await readdir(join(path, '..'))).toEqual(['a.gtxpack']);
  });
});
