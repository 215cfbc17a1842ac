import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ArchiveMember } from '../../../../src/run/archive/paths.ts';
import { verifyArchive, type ArchiveInspection } from '../../../../src/run/archive/verify.ts';
import { archiveBytes } from '../../../../src/run/archive/write.ts';
import { createDigester } from '../../../../src/core/digest.ts';
import { onePiece } from '../../../../src/core/one-piece.ts';
import { gunzip, readTar } from '../../../../src/tar/read.ts';
import { formatHeader, paddingOf } from '../../../../src/tar/header.ts';
import { formatPaxRecords } from '../../../../src/tar/pax.ts';
import { fullSample, packed, sampleMembers } from '../../../unit/run/archive/sample-archive.ts';

const GB = 1024 ** 3;
const END = Buffer.alloc(1024);

/** A header by hand, for what the writer refuses to write. */
function header(name: string, { size = 0, type = '0', linkName = '' } = {}): Uint8Array {
  return formatHeader({ name, mode: 0o644, size, type, linkName });
}

function file(name: string, content: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(content);
  return Buffer.concat([header(name, { size: bytes.length }), bytes, Buffer.alloc(paddingOf(bytes.length))]);
}

/** An extended header and the file that it gives another name. */
function named(path: string): Uint8Array {
  const records = Buffer.from(formatPaxRecords([['path', path]]));
  const extension = header('pax', { size: records.length, type: 'x' });
  return Buffer.concat([extension, records, Buffer.alloc(paddingOf(records.length)), file('x', 'x')]);
}

async function inspect(...parts: readonly Uint8Array[]): Promise<ArchiveInspection> {
  return await verifyArchive(gzipSync(Buffer.concat(parts)));
}

/** Bytes that unpack to a head and then to gigabytes of one byte: each piece is a gzip stream, as the format allows. */
function bomb(
  head: Uint8Array,
  byte: number,
  bytes: number,
): AsyncIterable<Uint8Array> & { readonly fed: () => number } {
  const PIECE = 16 * 1024 ** 2;
  const piece = gzipSync(Buffer.alloc(PIECE, byte));
  let fed = 0;
  return {
    fed: () => fed,
    async *[Symbol.asyncIterator]() {
      yield await Promise.resolve(gzipSync(head));
      for (; fed < bytes; fed += PIECE) yield piece;
    },
  };
}

function manifestOf(members: readonly ArchiveMember[]): Uint8Array {
  return members[0]?.bytes ?? new Uint8Array();
}

/** The first members of a good archive, the last of them of another size than it has. */
function upTo(path: string, size: number): Uint8Array {
  const members = sampleMembers(fullSample);
  const before = members.slice(
    0,
    members.findIndex((member) => member.path === path),
  );
  return Buffer.concat([...before.map((member) => file(member.path, member.bytes)), header(path, { size })]);
}

describe('a hostile archive is refused', () => {
  test.each([
    '../../etc/cron.d/x',
    '/etc/passwd',
    'layers/../../x',
    'layers/./kernel.ndjson',
    'layers//kernel.ndjson',
    '..',
    'a\0b',
    'x/'.repeat(200),
  ])('for a member that wants to be %j', async (path) => {
    const { findings } = await inspect(named(path), END);
    expect(findings[0]?.rule).toBe('unreadable');
    expect(findings[0]?.message).not.toContain('\0');
  });

  test.each([
    ['a symbolic link', '2', 'member_unlisted'],
    ['a hard link', '1', 'unreadable'],
    ['a character device', '3', 'unreadable'],
    ['a block device', '4', 'unreadable'],
    ['a fifo', '6', 'unreadable'],
    ['a directory', '5', 'member_unlisted'],
    ['a sparse file', 'S', 'unreadable'],
  ])('for %s among its members', async (_, type, rule) => {
    const { findings } = await inspect(header('toolcrib/x', { type, linkName: '/etc/passwd' }), END);
    expect(findings.map((finding) => finding.rule)).toContain(rule);
  });

  test('for a member that is there twice, also when it is the same', async () => {
    const manifest = file('manifest.json', manifestOf(sampleMembers()));
    const { findings } = await inspect(manifest, manifest, END);
    expect(findings[0]?.message).toContain('is there twice');
  });

  test.each([
    ['more than there is', 5_000, 'is truncated'],
    ['more than may be read', 10 * GB, 'bytes, more than'],
    ['less than there is', 10, 'header'],
  ])('for a size that says %s', async (_, size, reason) => {
    const content = Buffer.concat([Buffer.from('{}'.repeat(500)), Buffer.alloc(24)]);
    const { findings } = await inspect(pax(size), content, END);
    expect(findings.map((finding) => finding.message).join()).toContain(reason);
  });

  test.each([
    ['nothing but zeros', Buffer.alloc(0), 0],
    ['a member that says so', pax(10 * GB), 0],
    ['a layer of one endless line', upTo('layers/kernel.ndjson', 7 * GB), 0x61],
    ['a layer of empty lines', upTo('layers/kernel.ndjson', 7 * GB), 0x0a],
    ['a report', upTo('observation-health.json', 7 * GB), 0x20],
    ['a member that nobody knows', Buffer.concat([upTo('toolcrib/later.bin', 7 * GB)]), 0],
    ['what follows its end', Buffer.concat([file('manifest.json', '{}'), END]), 0],
    ['an extended header', header('pax', { size: 7 * GB, type: 'x' }), 0x41],
  ])('for 10 GB of %s, before much of it is unpacked', async (_, head, byte) => {
    const bytes = bomb(head, byte, 10 * GB);
    const { findings } = await verifyArchive(bytes);
    expect(findings.length).toBeGreaterThan(0);
    // What is read ahead is packed: a thousandth of it.
    expect(bytes.fed()).toBeLessThan(2 * GB);
  });

  test('for a million members with nothing in them', async () => {
    async function* members() {
      for (let index = 0; index < 1_000_000; index++) yield await Promise.resolve(header(`toolcrib/${index}`));
    }
    const { gzip } = await import('../../../../src/tar/gzip.ts');
    const { findings } = await verifyArchive(gzip(members()));
    expect(findings.at(-1)?.message).toContain('has more than 64 members');
    expect(findings.length).toBeLessThan(200);
  });

  test.each([
    ['toolcrib/\u001b[2J.json'],
    ['toolcrib/a\nb.json'],
    ['toolcrib/‮.json'],
    ['toolcrib/.hidden'],
    ['toolcrib/a/b.json'],
    [`toolcrib/${'x'.repeat(200)}`],
  ])('for a member of ours that is called %j, though the manifest lists it', async (path) => {
    const { findings } = await verifyArchive(archiveBytes(sampleMembers({ replace: { [path]: '{}' } })));
    expect(findings.map(({ rule }) => rule)).toEqual(['member_unlisted', 'member_unlisted']);
  });

  test.each([
    ['invalid UTF-8 in a report', 'observation-health.json', Buffer.from([0x7b, 0xff, 0x7d]), 'not UTF-8'],
    ['invalid UTF-8 in a line', 'layers/sdk.ndjson', Buffer.from([0xff, 0x0a]), 'not UTF-8'],
    ['an overlong slash in a line', 'layers/kernel.ndjson', Buffer.from([0xc0, 0xaf, 0x0a]), 'not UTF-8'],
    ['a surrogate in a line', 'layers/kernel.ndjson', Buffer.from([0xed, 0xa0, 0x80, 0x0a]), 'not UTF-8'],
    ['lists in lists', 'layers/kernel.ndjson', Buffer.from(`${'['.repeat(5_000_000)}\n`), 'nested deeper'],
    ['lists in lists of a report', 'capability-surface.json', Buffer.from('['.repeat(5_000_000)), 'nested deeper'],
    ['objects in objects', 'events.ndjson', Buffer.from(`${'{"a":'.repeat(100_000)}\n`), 'nested deeper'],
    ['a line that is too long', 'layers/policy.ndjson', Buffer.alloc(17 * 1024 ** 2, 0x20), 'a line has more than'],
    ['a key that reaches for the prototype', 'toolcrib/outcome.json', Buffer.from('{"__proto__":{}}'), '__proto__'],
    ['a terminal escape that is no JSON', 'layers/kernel.ndjson', Buffer.from('\u001b[2J\n'), 'not JSON'],
  ])('for %s', async (_, path, bytes, reason) => {
    const members = sampleMembers({ replace: { [path]: '{}' } }).map((member) =>
      member.path === path ? { path, bytes } : member,
    );
    const { findings } = await verifyArchive(archiveBytes(members));
    const messages = findings.map(({ message }) => message).join('\n');
    expect(messages).toContain(reason);
    // eslint-disable-next-line no-control-regex -- that is the point
    expect(messages).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  test('for a manifest that lists a file under the name of the prototype', async () => {
    const [manifest, ...rest] = sampleMembers();
    const text = Buffer.from(manifest?.bytes ?? []).toString();
    const listed = text.replace('"files":{', '"files":{"__proto__":{"path":"x","sha256":"sha256:00","bytes":0},');
    const { findings } = await verifyArchive(
      archiveBytes([{ path: 'manifest.json', bytes: Buffer.from(listed) }, ...rest]),
    );
    expect(findings[0]).toMatchObject({ member: 'manifest.json', message: 'it has the key "__proto__"' });
  });

  test('for a manifest that lists a file which is not there', async () => {
    const [manifest, ...rest] = sampleMembers();
    const text = Buffer.from(manifest?.bytes ?? []).toString();
    const digest = `sha256:${'0'.repeat(64)}`;
    const more = text.replace(
      /\}\}$/,
      `,"toolcrib/x.json":{"path":"toolcrib/x.json","sha256":"${digest}","bytes":1}}}`,
    );
    const { findings } = await verifyArchive(
      archiveBytes([{ path: 'manifest.json', bytes: Buffer.from(more) }, ...rest]),
    );
    expect(findings).toEqual([
      { rule: 'member_missing', member: 'toolcrib/x.json', message: 'it is not in the archive' },
    ]);
  });

  test('for layers that name more different things than a surface can hold', async () => {
    const kernel = Array.from({ length: 200 }, (_, index) => ({ type: 1, kind: 'openat', value: `/${index}` }));
    const { ARCHIVE_LIMITS } = await import('../../../../src/run/archive/limits.ts');
    const members = sampleMembers({ ...fullSample, kernel });
    const { findings } = await verifyArchive(archiveBytes(members), {
      limits: { ...ARCHIVE_LIMITS, documentBytes: 5_000 },
    });
    expect(findings.at(-1)?.rule).toBe('too_large');
  });

  test('when it was changed anywhere: bits, cuts, splices, members in each other’s place', async () => {
    const members = sampleMembers(fullSample);
    const good: Buffer = Buffer.from(await packed(members));
    const other = Buffer.from(await packed(sampleMembers({ ...fullSample, runId: 'run_002' })));
    // A splice at the very beginning is the other archive as a whole.
    const contents = [await contentsOf(good), await contentsOf(other)];
    const at = fc.nat(good.length - 1);
    const mutation = fc.oneof(
      fc.record({ how: fc.constant('flip' as const), at, bit: fc.nat(7) }),
      fc.record({ how: fc.constant('splice' as const), at, to: at }),
      fc.record({ how: fc.constant('repeat' as const), at, to: at }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 1, maxLength: 4 }), async (mutations) => {
        const bytes = mutations.reduce<Buffer>((result, mutation) => mutated(result, other, mutation), good);
        const inspection = await verifyArchive(bytes);
        // What zlib does not look at (the time in the head of the stream, say) is no content.
        if (inspection.findings.length === 0) expect(contents).toContainEqual(await contentsOf(bytes));
      }),
      { numRuns: 200 },
    );
  });

  test('when it was changed before it was packed, unless it says the same', async () => {
    const tar: Buffer = Buffer.from(gunzipSync(await packed(sampleMembers(fullSample))));
    const contents = await contentsOf(gzipSync(tar));
    const at = fc.nat(tar.length - 1);
    const mutation = fc.oneof(
      fc.record({ how: fc.constant('flip' as const), at, bit: fc.nat(7) }),
      fc.record({ how: fc.constant('repeat' as const), at, to: at }),
    );
    await fc.assert(
      fc.asyncProperty(mutation, async (each) => {
        const bytes = gzipSync(mutated(tar, tar, each));
        const inspection = await verifyArchive(bytes);
        // Owners and times of members are no content.
        if (inspection.findings.length === 0) expect(await contentsOf(bytes)).toEqual(contents);
      }),
      { numRuns: 100 },
    );
  });

  test('when two of its members stand for each other', async () => {
    const members = sampleMembers(fullSample);
    const index = fc.integer({ min: 1, max: members.length - 1 });
    await fc.assert(
      fc.asyncProperty(index, index, async (a, b) => {
        fc.pre(a !== b);
        const swapped = members.map((member, place) => {
          const from = place === a ? b : place === b ? a : place;
          return { path: member.path, bytes: members[from]?.bytes ?? member.bytes };
        });
        const { findings } = await verifyArchive(archiveBytes(swapped));
        expect(findings.filter(({ rule }) => rule === 'digest_mismatch')).toHaveLength(2);
      }),
      { numRuns: 30 },
    );
  });
});

/** A member whose extended header says its size. */
function pax(size: number): Uint8Array {
  const records = Buffer.from(formatPaxRecords([['size', String(size)]]));
  return Buffer.concat([
    header('pax', { size: records.length, type: 'x' }),
    records,
    Buffer.alloc(paddingOf(records.length)),
    header('manifest.json', { size: 0 }),
  ]);
}

/** Every member with its content, in their order. */
async function contentsOf(archive: Uint8Array): Promise<readonly string[]> {
  const contents: string[] = [];
  const limits = { maxEntries: 99, maxEntryBytes: GB, maxTotalBytes: GB };
  for await (const { path, bytes } of readTar(gunzip(onePiece(archive), GB), limits)) {
    const digester = createDigester();
    for await (const chunk of bytes) digester.update(chunk);
    contents.push(`${path} ${digester.finish()}`);
  }
  return contents;
}

type Mutation =
  | { readonly how: 'flip'; readonly at: number; readonly bit: number }
  | { readonly how: 'splice' | 'repeat'; readonly at: number; readonly to: number };

function mutated(bytes: Buffer, other: Buffer, mutation: Mutation): Buffer {
  if (mutation.how === 'flip') {
    const flipped = Buffer.from(bytes);
    const at = mutation.at % Math.max(1, flipped.length);
    if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << mutation.bit);
    return flipped;
  }
  const source = mutation.how === 'splice' ? other : bytes;
  return Buffer.concat([bytes.subarray(0, mutation.at), source.subarray(mutation.to)]);
}
