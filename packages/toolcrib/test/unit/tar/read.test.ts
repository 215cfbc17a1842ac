import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { extract, pack } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { IntegrityError } from '../../../src/core/errors.ts';
import { gunzip, readTar } from '../../../src/tar/read.ts';
import { sortTree } from '../../../src/tar/write.ts';
import { collect, END, header, LIMITS, membersOf, padded, pieces, tarOf } from './bytes.ts';
import { tree } from './tree-arbitrary.ts';

const archive = (...parts: Buffer[]) => Buffer.concat([...parts, END]);
const MALFORMED = { code: 'MALFORMED' };

describe('reading a tar', () => {
  test.each([
    ['an absolute name', archive(header({ name: '/etc/passwd' })), /"\/etc\/passwd" .*absolute/],
    ['a name that leads out', archive(header({ name: 'a/../../b' })), /"a\/\.\.\/\.\.\/b"/],
    ['a name that leads out behind ./', archive(header({ name: './../b' })), /"\.\.\/b"|"\.\/\.\.\/b"/],
    ['an empty name', archive(header({ name: '' })), /empty/],
    ['a repeated name', archive(header({ name: 'a' }), header({ name: './a' })), /"a" is there twice/],
    ['a character device', archive(header({ name: 'tty', type: '3' })), /"tty" is a character device/],
    ['a block device', archive(header({ name: 'sda', type: '4' })), /"sda" is a block device/],
    ['a fifo', archive(header({ name: 'pipe', type: '6' })), /"pipe" is a fifo/],
    ['a sparse file', archive(header({ name: 's', type: 'S', magic: 'ustar  ' })), /"s" is a sparse file/],
    ['an unknown type', archive(header({ name: 'v', type: 'V' })), /unknown type "V"/],
    ['a hard link out', archive(header({ name: 'h', type: '1', link: '../x' })), /"\.\.\/x"/],
    ['a hard link to nothing', archive(header({ name: 'h', type: '1', link: 'x' })), /no earlier file/],
    [
      'a hard link to a link',
      archive(header({ name: 'l', type: '2', link: '/' }), header({ name: 'h', type: '1', link: 'l' })),
      /no earlier file/,
    ],
    [
      'a member below a link',
      archive(header({ name: 'l', type: '2', link: '/etc' }), header({ name: 'l/x' })),
      /"l\/x" stands below l/,
    ],
    [
      'a file where members stand below',
      archive(header({ name: 'd/x' }), header({ name: 'd', type: '2', link: '/' })),
      /"d" is a directory and/,
    ],
    ['a directory with content', archive(header({ name: 'd', type: '5', size: 1 }), padded('x')), /with content/],
    ['another checksum', archive(Buffer.alloc(512, 'x')), /checksum/],
    ['another format', archive(header({ magic: 'other' })), /: a header is neither ustar nor GNU/],
    ['bytes behind its end', Buffer.concat([archive(header({})), Buffer.from('x')]), /: something follows its end/],
    ['one zero block at its end', Buffer.concat([header({}), Buffer.alloc(512)]), /truncated/],
    ['an extended header at its end', archive(header({ type: 'x', size: 0 })), /ends after/],
    [
      'a PAX header that is none',
      archive(header({ type: 'x', size: 4 }), padded('junk'), header({})),
      /: a PAX header is not a sequence of records/,
    ],
    [
      'a sparse file by PAX',
      archive(header({ type: 'x', size: 22 }), padded('22 GNU.sparse.major=1\n'), header({})),
      /sparse/,
    ],
    [
      'a global header with a path',
      archive(header({ type: 'g', size: 9 }), padded('9 path=a\n'), header({})),
      /global/,
    ],
    [
      'a name that is not UTF-8',
      archive(header({ type: 'L', size: 2 }), padded(Buffer.from([0xff, 0])), header({})),
      /UTF-8/,
    ],
    ['nothing', Buffer.alloc(0), /truncated/],
  ])('refuses %s, naming the member', async (_, tar, message) => {
    const error: unknown = await membersOf(tar).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(IntegrityError);
    expect(error).toMatchObject(MALFORMED);
    expect(String(error)).toMatch(message);
  });

  test('refuses what is above a limit, naming the member', async () => {
    const tar = await tarOf(
      ['a', 'b', 'c'].map((path) => ({ path, kind: 'file', mode: 0o644, bytes: Buffer.alloc(600) })),
    );
    const over = (limits: object) => membersOf(tar, { ...LIMITS, ...limits });
    await expect(over({ maxEntries: 2 })).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(over({ maxEntryBytes: 599 })).rejects.toThrow('test.tar: "a" has 600 bytes, more than 599');
    await expect(over({ maxTotalBytes: 1799 })).rejects.toThrow('test.tar: "c" brings the archive above 1799');
    await expect(over({ maxEntries: 3, maxEntryBytes: 600, maxTotalBytes: 1800 })).resolves.toHaveLength(3);
  });

  test('normalises a leading ./ and passes over the root', async () => {
    const tar = archive(
      header({ name: './', type: '5' }),
      header({ name: './a/', type: '5' }),
      header({ name: './a/b' }),
    );
    expect((await membersOf(tar)).map(({ path }) => path)).toEqual(['a', 'a/b']);
  });

  test('understands the long names of GNU tar', async () => {
    const long = `${'l'.repeat(120)}/x`;
    const tar = archive(
      header({ name: '././@LongLink', type: 'L', size: long.length + 1, magic: 'ustar  ' }),
      padded(`${long}\0`),
      header({ name: 'l'.repeat(100), size: 2, magic: 'ustar  ' }),
      padded('ok'),
    );
    expect(await membersOf(tar)).toMatchObject([{ path: long, content: Buffer.from('ok') }]);
  });

  test('understands hard links to earlier files', async () => {
    const tar = archive(header({ name: './a', size: 1 }), padded('x'), header({ name: 'b', type: '1', link: './a' }));
    expect(await membersOf(tar)).toMatchObject([{ path: 'a' }, { path: 'b', kind: 'hardlink', linkTarget: 'a' }]);
  });

  test('passes over members that nobody reads, and frees the source when the reader stops', async () => {
    const tar = await tarOf(['a', 'b'].map((path) => ({ path, kind: 'file', mode: 0o644, bytes: Buffer.alloc(5000) })));
    let freed = false;
    const source = async function* () {
      try {
        yield* pieces(tar, 100);
      } finally {
        freed = true;
      }
    };
    const seen: string[] = [];
    for await (const member of readTar(source(), LIMITS)) {
      seen.push(member.path);
      if (member.path === 'b') break;
    }
    expect(seen).toEqual(['a', 'b']);
    expect(freed).toBe(true);
  });

  test('agrees with tar-stream in both directions', async () => {
    await fc.assert(
      fc.asyncProperty(tree, async (entries) => {
        // tar-stream reads mode 0 as "none given".
        const sorted = sortTree(entries).map((entry) => ({ ...entry, mode: entry.mode | 0o400 }));
        const theirs = pack();
        for (const { path, kind, mode, linkTarget, bytes } of sorted) {
          const type = kind === 'link' ? 'symlink' : kind;
          const content = bytes instanceof Uint8Array ? Buffer.from(bytes) : Buffer.alloc(0);
          theirs.entry(
            { name: path, type, mode, ...(linkTarget === undefined ? {} : { linkname: linkTarget }) },
            content,
          );
        }
        theirs.finalize();
        const [ours, read] = await Promise.all([
          membersOf(await tarOf(sorted)),
          membersOf(await collect(Readable.from(theirs))),
        ]);
        expect(read).toEqual(ours);
        expect(await theirNames(await tarOf(sorted))).toEqual(sorted.map(({ path }) => path));
      }),
      { numRuns: 50 },
    );
  });

  test('a damaged archive is refused or read, within the limits, and nothing else happens', async () => {
    const limits = { maxEntries: 12, maxEntryBytes: 2000, maxTotalBytes: 6000 };
    await fc.assert(
      fc.asyncProperty(
        tree,
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }),
        fc.option(fc.nat()),
        async (entries, changes, cut) => {
          const tar = await tarOf(sortTree(entries));
          for (const [at, value] of changes) tar[at % tar.length] = value;
          const damaged = cut === null ? tar : tar.subarray(0, cut % tar.length);
          const members = await membersOf(damaged, limits).catch((error: unknown) => {
            if (!(error instanceof IntegrityError)) throw error;
            return [];
          });
          expect(members.length).toBeLessThanOrEqual(limits.maxEntries);
          expect(members.reduce((sum, { content }) => sum + content.length, 0)).toBeLessThanOrEqual(6000);
          if (cut !== null) expect(members).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });
});

async function theirNames(tar: Buffer): Promise<string[]> {
  const names: string[] = [];
  const extracting = extract();
  extracting.end(tar);
  for await (const entry of extracting) {
    names.push(entry.header.name.replace(/\/$/, ''));
    entry.resume();
  }
  return names;
}

describe('gunzip', () => {
  const input = Buffer.from('some text '.repeat(50_000));
  const packed = gzipSync(input);

  test('gives the bytes back however they arrive', async () => {
    for (const size of [1, 1000, packed.length]) {
      expect(await collect(gunzip(pieces(packed, size), input.length))).toEqual(input);
    }
  });

  test('stops at the limit', async () => {
    await expect(collect(gunzip(pieces(packed), input.length - 1))).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['no gzip', Buffer.from('no gzip at all, but text')],
    ['a truncated stream', packed.subarray(0, -1)],
    ['a stream with a zero behind it', Buffer.concat([packed, Buffer.alloc(1)])],
    ['a stream with much behind it', Buffer.concat([packed, Buffer.alloc(300_000)])],
    ['a stream with text behind it', Buffer.concat([packed, Buffer.from('text')])],
    ['a wrong checksum', Buffer.concat([packed.subarray(0, -8), Buffer.alloc(4), packed.subarray(-4)])],
  ])('refuses %s', async (_, bytes) => {
    for (const size of [1000, 1_000_000]) {
      await expect(collect(gunzip(pieces(bytes, size), 1_000_000, 'x.gz'))).rejects.toMatchObject(MALFORMED);
    }
    await expect(collect(gunzip(pieces(bytes), 1_000_000, 'x.gz'))).rejects.toThrow(/^x\.gz /);
  });

  test('passes a failure of its source on', async () => {
    const failing = async function* () {
      yield* pieces(packed.subarray(0, 500), 100);
      throw new Error('source failed');
    };
    await expect(collect(gunzip(failing(), 1_000_000))).rejects.toThrow('source failed');
  });

  test('frees its source when the reader stops', async () => {
    const large = gzipSync(randomBytes(3_000_000));
    const freed = Promise.withResolvers<string>();
    const source = async function* () {
      try {
        yield* pieces(large, 1000);
      } finally {
        freed.resolve('freed');
      }
    };
    for await (const _ of gunzip(source(), 3_000_000)) break;
    expect(await freed.promise).toBe('freed');
  });
});
