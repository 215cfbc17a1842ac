import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gzip, sortTree, writeTar, type TarEntry } from '../../../src/tar/write.ts';
import { collect, membersOf, pieces, tarOf } from './bytes.ts';
import { tree } from './tree-arbitrary.ts';

const file = (path: string): TarEntry => ({ path, kind: 'file', mode: 0o644 });
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a written tar', () => {
  test('reads back as the tree it was written from, however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.integer({ min: 1, max: 3000 }), async (entries, size) => {
        const sorted = sortTree(entries);
        const members = await membersOf(await tarOf(sorted), undefined, size);
        expect(
          members.map(({ path, kind, mode, linkTarget, content }) => ({ path, kind, mode, linkTarget, content })),
        ).toEqual(
          sorted.map(({ path, kind, mode, linkTarget = '', bytes }) => ({
            path,
            kind,
            mode,
            linkTarget,
            content: bytes instanceof Uint8Array ? Buffer.from(bytes) : Buffer.alloc(0),
          })),
        );
      }),
      { numRuns: 150 },
    );
  });

  test('has the same bytes for the same entries in any order', async () => {
    await fc.assert(
      fc.asyncProperty(tree, async (entries) => {
        expect(await tarOf(sortTree(entries))).toEqual(await tarOf(sortTree([...entries].reverse())));
      }),
      { numRuns: 50 },
    );
  });

  test('never changes: these bytes are pinned in the repositories of users', async () => {
    const tar = await tarOf(
      sortTree([
        { path: 'bin/tool', kind: 'file', mode: 0o755, bytes: Buffer.from('tool\n') },
        { path: 'lib/übung', kind: 'file', mode: 0o644, bytes: Buffer.alloc(600, 7) },
        { path: `deep/${'d'.repeat(90)}/${'e'.repeat(90)}`, kind: 'file', mode: 0o644 },
        { path: 'lib/current', kind: 'link', mode: 0o777, linkTarget: 'übung' },
      ]),
    );
    expect(sha256(tar)).toBe('23350b741e78ee8283bbcbe909c9163fca8b110a110e62924a5092e5328f9964');
    expect(sha256(await collect(gzip(pieces(tar))))).toBe(
      '273cc6825546e90314457d3217bca5e1d985b59ecaf4f5bbfc4e8320307729a7',
    );
  });

  test('says nothing about owner and time', async () => {
    const tar = await tarOf([file('x')]);
    expect(tar.toString('latin1', 108, 148)).toBe('0000000\0' + '0000000\0' + '00000000000\0' + '00000000000\0');
    expect(tar.subarray(265, 329).every((byte) => byte === 0)).toBe(true);
  });

  test('uses PAX only where a name does not fit', async () => {
    expect(await tarOf([file('a'.repeat(100))])).toHaveLength(3 * 512);
    expect(await tarOf([file(`${'p'.repeat(155)}/${'n'.repeat(100)}`)])).toHaveLength(3 * 512);
    expect(await tarOf([file('a'.repeat(101))])).toHaveLength(5 * 512);
    expect(await tarOf([file('ü')])).toHaveLength(5 * 512);
  });

  test('is refused when a stream has another size than was said', async () => {
    const entry = (size: number): TarEntry => ({ ...file('x'), size, bytes: pieces(Buffer.alloc(10), 4) });
    await expect(tarOf([entry(9)])).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
    await expect(tarOf([entry(11)])).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
    await expect(tarOf([entry(10)])).resolves.toHaveLength(4 * 512);
  });

  test('announces a file above 8 GiB in a PAX header', async () => {
    const size = 8 * 1024 ** 3;
    const started = writeTar([{ ...file('big'), size, bytes: pieces(Buffer.alloc(1)) }]);
    const head = Buffer.from((await started.next()).value ?? []).toString('latin1');
    await started.return(undefined);
    expect(head).toContain('19 size=8589934592\n');
  });
});

describe('a sorted tree', () => {
  test('has an entry for every directory, by code point', () => {
    const paths = sortTree([file('b/c/d'), file('\u{10000}'), file('\uffff'), file('b-c')]).map(({ path }) => path);
    expect(paths).toEqual(['b', 'b-c', 'b/c', 'b/c/d', '\uffff', '\u{10000}']);
  });

  test.each(['', '/a', '../a', 'a/../b', 'a//b', 'a/', './a', 'a\0b', '\ud800', 'x'.repeat(4097)])(
    'refuses the name %o',
    (path) => {
      expect(() => sortTree([file(path)])).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
    },
  );

  test('refuses a repeated name and a name below a file', () => {
    expect(() => sortTree([file('a'), file('a')])).toThrow(/twice/);
    expect(() => sortTree([file('a'), file('a/b')])).toThrow(/below a/);
  });
});

describe('gzip', () => {
  test('gives the same bytes however the input was cut', async () => {
    const input = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `line ${i * 7919}\n`).join(''));
    const whole = await collect(gzip(pieces(input, input.length)));
    expect(gunzipSync(whole)).toEqual(input);
    for (const size of [7, 4096, 65_536, 100_001]) expect(await collect(gzip(pieces(input, size)))).toEqual(whole);
  });

  test('says neither time nor operating system', async () => {
    const bytes = await collect(gzip(pieces(Buffer.from('x'))));
    expect([...bytes.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
  });

  test('passes a failure of its source on', async () => {
    // eslint-disable-next-line @typescript-eslint/require-await -- sources are asynchronous by their contract
    const failing = async function* () {
      yield Buffer.from('x');
      throw new Error('source failed');
    };
    await expect(collect(gzip(failing()))).rejects.toThrow('source failed');
  });
});
