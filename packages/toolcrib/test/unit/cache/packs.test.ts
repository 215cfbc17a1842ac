import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf, type Digest } from '../../../src/core/digest.ts';
import { onePiece } from '../../../src/core/one-piece.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { openPackCache } from '../../../src/extensions/pack-cache.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { describeCache } from '../../../src/report/cache-text.ts';
import { bytesOf, createScratch } from '../disk/scratch.ts';
import { openTestCache } from './open-test-cache.ts';

const DAY = 24 * 3600 * 1000;
const zipOf = (size: number, seed: number): Uint8Array =>
  Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), bytesOf(size - 4, seed)]);
const one = zipOf(1000, 1);
const two = zipOf(2000, 2);

/** A cache with a pack of a store, which has a copy by its name, and another of a server. */
async function filled(directory: string) {
  const { cache } = openTestCache(directory);
  const packs = openPackCache(directory, { clock: systemClock, reporter: silentReporter });
  const keep = async (bytes: Uint8Array): Promise<Digest> => {
    const pack = { bytes: onePiece(bytes), what: 'a pack', verify: () => undefined };
    return (await packs.receive(pack)).digest;
  };
  await packs.remember('store://a/one@1', await keep(one), { name: 'a/one', version: '1' });
  await packs.remember('https://example.com/two', await keep(two));
  const folder = join(directory, 'ext-store');
  return {
    cache,
    packs,
    folder,
    /** Names of files with bytes of a pack, or about them; nobody needs to know what references stood for. */
    names: async () => (await readdir(folder)).filter((name) => !name.startsWith('ref-')).sort(),
    /** As if nothing had been used for that long. */
    idle: async (ms: number): Promise<void> => {
      const then = (Date.now() - ms) / 1000;
      for (const name of await readdir(folder)) await utimes(join(folder, name), then, then);
    },
  };
}

const named = ['a_one_1.gtxpack', 'a_one_1.gtxpack.json'];
const nameOf = (bytes: Uint8Array): string => `sha256-${digestOf(bytes).slice('sha256:'.length)}.gtxpack`;

describe('packs of extensions in the cache', () => {
  test('are listed with their copies', async () => {
    await using scratch = await createScratch();
    const { cache } = await filled(scratch.path);
    const { packs, artifacts } = await cache.ls();
    expect(artifacts).toEqual([]);
    expect(packs.map(({ kind, digest, size }) => [kind, digest, size])).toEqual(
      expect.arrayContaining([
        ['pack', digestOf(one), 2 * one.byteLength],
        ['pack', digestOf(two), two.byteLength],
      ]),
    );
    expect(describeCache({ directory: scratch.path, ...(await cache.ls()) })).toContain(
      '0 placements, 2 packs: 4.3 kB in ',
    );
  });

  test('go with their copies when they were not used for too long, and not before', async () => {
    await using scratch = await createScratch();
    const { cache, packs, idle, names } = await filled(scratch.path);
    expect((await cache.collect({ maxAgeMs: 0 })).removed).toEqual([]);
    await idle(2 * DAY);
    await packs.read(digestOf(two));
    const { removed, bytesBefore, bytesAfter } = await cache.collect({ maxAgeMs: DAY });
    expect(removed).toMatchObject([
      { kind: 'pack', digest: digestOf(one), reason: 'age' },
      { kind: 'pointer', digest: digestOf(one), reason: 'gone' },
    ]);
    expect([bytesBefore, bytesAfter]).toEqual([4000, 2000]);
    expect(await names()).toEqual([nameOf(two)]);
  });

  test('count against a cap of bytes', async () => {
    await using scratch = await createScratch();
    const { cache, packs, idle, names } = await filled(scratch.path);
    await idle(DAY);
    await packs.read(digestOf(one));
    await cache.collect({ maxBytes: 2500 });
    expect(await names()).toEqual([...named, nameOf(one)].sort());
  });

  test('take with them what leads to them, and what stays is still found offline', async () => {
    await using scratch = await createScratch();
    const { cache, packs, folder, idle } = await filled(scratch.path);
    const manifestOf = (pack: Uint8Array) => Buffer.from(JSON.stringify({ layers: [{ digest: digestOf(pack) }] }));
    for (const pack of [one, two]) await packs.keepManifest(manifestOf(pack));
    expect((await cache.ls()).pointers.map(({ digest }) => digest).sort()).toEqual(
      [one, one, two, two].map((pack) => digestOf(pack)).sort(),
    );
    await idle(2 * DAY);
    await packs.read(digestOf(two));
    await cache.collect({ maxAgeMs: DAY });
    expect(await packs.recall('store://a/one@1', { name: 'a/one', version: '1' })).toEqual([]);
    expect(await packs.readManifest(digestOf(manifestOf(one)))).toBeUndefined();
    expect(await packs.recall('https://example.com/two')).toEqual([digestOf(two)]);
    expect(Buffer.from((await packs.readManifest(digestOf(manifestOf(two)))) ?? '')).toEqual(manifestOf(two));
    expect(await readdir(folder)).toHaveLength(3);
  });

  test('that are gone leave nothing for longer than an hour, without any limit', async () => {
    await using scratch = await createScratch();
    const { cache, packs, folder, idle } = await filled(scratch.path);
    await packs.keepManifest(Buffer.from('{"layers":[]}'));
    await writeFile(join(folder, `ref-${'0'.repeat(64)}.json`), 'half of a rec');
    for (const name of ['a_one_1.gtxpack', nameOf(one), nameOf(two)]) await rm(join(folder, name));
    expect((await cache.collect({})).removed).toEqual([]);
    await idle(DAY);
    const rehearsed = (await cache.collect({}, { dryRun: true })).removed;
    expect(rehearsed.map(({ kind, reason }) => `${kind} ${reason}`)).toEqual(Array(5).fill('pointer gone'));
    expect((await cache.collect({})).removed).toEqual(rehearsed);
    expect(await readdir(folder)).toEqual([]);
  });

  test('of the original resolver are never removed', async () => {
    await using scratch = await createScratch();
    const { cache, folder, idle, names } = await filled(scratch.path);
    await writeFile(join(folder, 'b_1.gtxpack'), 'whatever it is');
    await idle(DAY);
    await cache.collect({ maxBytes: 0 });
    expect(await names()).toEqual(['b_1.gtxpack']);
    expect(await cache.verify()).toEqual([]);
  });

  test('are verified, and what is wrong is removed when it shall be repaired', async () => {
    await using scratch = await createScratch();
    const { cache, packs, folder, names } = await filled(scratch.path);
    expect(await cache.verify()).toEqual([]);
    await writeFile(join(folder, 'a_one_1.gtxpack'), 'other');
    await writeFile(join(folder, nameOf(two)), 'other');
    await packs.keepManifest(Buffer.from('{}'));
    const manifest = `sha256-${digestOf('{}').slice('sha256:'.length)}.manifest.json`;
    await writeFile(join(folder, manifest), 'other');
    const wrong = [
      {
        path: join(folder, 'a_one_1.gtxpack'),
        kind: 'corrupt',
        reason: 'its bytes do not have the digest of the note beside it',
      },
      ...[nameOf(two), manifest].sort().map((name) => ({
        path: join(folder, name),
        kind: 'corrupt',
        reason: 'its bytes do not have the digest of its name',
      })),
    ];
    expect(await cache.verify()).toEqual(wrong);
    expect(await cache.repair()).toEqual(wrong.map((finding) => ({ ...finding, outcome: 'removed' })));
    expect(await names()).toEqual(['a_one_1.gtxpack.json', nameOf(one)]);
    expect(await cache.verify()).toEqual([]);
  });

  test('are not called right when they are none, whoever kept them', async () => {
    await using scratch = await createScratch();
    const { cache, folder, names } = await filled(scratch.path);
    const before = await names();
    const page = Buffer.from('<html>Log in to this network</html>');
    for (const bytes of [page, Buffer.of()]) await writeFile(join(folder, nameOf(bytes)), bytes);
    const wrong = [page, Buffer.of()]
      .map((bytes) => ({ path: join(folder, nameOf(bytes)), kind: 'corrupt', reason: 'it is no ZIP, and so no pack' }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    expect(await cache.verify()).toEqual(wrong);
    expect(await cache.repair()).toEqual(wrong.map((finding) => ({ ...finding, outcome: 'removed' })));
    expect(await names()).toEqual(before);
  });

  test('are found, told and kept where they can be, when directories stand in the place of files', async () => {
    await using scratch = await createScratch();
    const { cache, packs, folder } = await filled(scratch.path);
    const store = { name: 'a/one', version: '1' };
    const record = packs.recall('store://a/one@1', store);
    expect(await record).toEqual([digestOf(one)]);
    const stood = [nameOf(one), ...(await readdir(folder)).filter((name) => name.startsWith('ref-'))].sort();
    for (const name of stood) {
      await rm(join(folder, name));
      await mkdir(join(folder, name, 'in-the-way'), { recursive: true });
    }
    expect(await packs.recall('store://a/one@1', store)).toEqual([digestOf(one)]);
    expect(await packs.read(digestOf(one))).toBeUndefined();
    expect(await packs.readNamed(store, digestOf(one))).toMatchObject({ digest: digestOf(one) });
    const incoming = { bytes: onePiece(one), what: 'a pack', verify: () => undefined };
    expect(await packs.receive(incoming)).toMatchObject({ digest: digestOf(one) });
    await packs.remember('store://a/one@1', digestOf(one), store);
    expect(await packs.readNamed(store, digestOf(one))).toMatchObject({ digest: digestOf(one) });
    expect((await cache.ls()).packs.map(({ digest }) => digest).sort()).toEqual([one, two].map(digestOf).sort());
    const reason = 'toolcrib did not put it there';
    expect(await cache.verify()).toEqual(stood.map((name) => ({ path: join(folder, name), kind: 'foreign', reason })));
    expect((await readdir(folder)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('are found by their digests when directories stand in the place of their copies', async () => {
    await using scratch = await createScratch();
    const { cache, packs, folder } = await filled(scratch.path);
    const store = { name: 'a/one', version: '1' };
    for (const name of named) {
      await rm(join(folder, name));
      await mkdir(join(folder, name));
    }
    await packs.remember('store://a/one@1', digestOf(one), store);
    expect(await packs.readNamed(store, digestOf(one))).toBeUndefined();
    expect(await packs.read(digestOf(one))).toMatchObject({ digest: digestOf(one) });
    expect((await cache.verify()).map(({ path }) => path)).toEqual(named.map((name) => join(folder, name)));
  });

  test('that a killed process left unfinished are told, and removed', async () => {
    await using scratch = await createScratch();
    const { cache, folder, names } = await filled(scratch.path);
    const left = join(folder, `.toolcrib-unknown-${'0'.repeat(32)}.tmp`);
    await writeFile(left, 'half');
    await utimes(left, 0, 0);
    expect(await cache.verify()).toMatchObject([{ path: left, kind: 'leftover' }]);
    expect((await cache.collect({})).leftovers).toEqual([left]);
    expect(await names()).toEqual([...named, nameOf(one), nameOf(two)].sort());
  });
});
