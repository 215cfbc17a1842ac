import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/core/digest.ts';
import { RemoteError } from '../../src/core/errors.ts';
import type { Absence, ByteSource, OpenedFile, Store } from '../../src/stores/store.ts';
import type { TransferOptions } from '../../src/transfer/transfer-options.ts';
import { startFaultProxy } from '../servers/fault-proxy.ts';
import { finishedOf, publishInto, releaseOfSeed, type SampleRelease } from './store-release.ts';

export type ClientOptions = Partial<Pick<TransferOptions, 'rewrite'>>;

/** One empty store that any number of clients can open. */
export interface StoreUnderTest extends AsyncDisposable {
  /** A client of its own, as another process would have one. */
  open(options?: ClientOptions): Store;
  /** Where everybody can read it, and mirrors may stand for it; undefined where that is not so, or nowhere. */
  readonly origin?: string;
  /** Connections or files that are open towards the store now; undefined where nobody can count them. */
  openHandles?(): number;
  /** What the URL of a file ends with, where that is not its name. */
  readonly urlEnd?: RegExp;
  /** True where the server takes no file without bytes: no file of a release is one. */
  readonly refusesEmptyFiles?: boolean;
}

const MEBIBYTE = 1024 * 1024;

export function sourceOf(bytes: Uint8Array, chunk = 64 * 1024): ByteSource {
  return {
    size: bytes.byteLength,
    digest: digestOf(bytes),
    // eslint-disable-next-line @typescript-eslint/require-await -- sources are asynchronous by their contract
    async *open() {
      for (let at = 0; at < bytes.byteLength; at += chunk) yield bytes.subarray(at, at + chunk);
    },
  };
}

export async function bytesOf(file: OpenedFile | undefined): Promise<Buffer> {
  if (file === undefined) throw new Error('the store has no such file');
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.bytes) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** A source that breaks after its first piece. */
function breaking(bytes: Uint8Array, error: Error): ByteSource {
  return {
    ...sourceOf(bytes),
    // eslint-disable-next-line @typescript-eslint/require-await -- sources are asynchronous by their contract
    async *open() {
      yield bytes.subarray(0, Math.ceil(bytes.byteLength / 2));
      throw error;
    },
  };
}

/** A source that never comes to its end. */
function hanging(bytes: Uint8Array): ByteSource {
  return {
    ...sourceOf(bytes),
    async *open() {
      yield bytes.subarray(0, 1000);
      await new Promise(() => undefined);
    },
  };
}

/** What every reader finds of a complete release, by name and by digest. */
async function verifyReaders(store: Store, { files, version }: SampleRelease): Promise<void> {
  const names = (await store.list('tool-')).filter((name) => new RegExp(`-v${version}(?:[.]|$)`).test(name));
  expect(names).toEqual([...files.keys()].sort());
  for (const [name, { digest }] of files) {
    expect(digestOf(await bytesOf(await store.fetch(name)))).toBe(digest);
    expect(digestOf(await bytesOf(await store.fetch(name, { digest })))).toBe(digest);
  }
}

/** What the port of stores promises, tried on one implementation. */
export function describeStore(kind: string, fresh: () => Promise<StoreUnderTest>): void {
  describe(`a ${kind} store`, () => {
    const NAME = 'tool-amd64-v1';
    const use = async (work: (store: Store, under: StoreUnderTest) => Promise<void>): Promise<void> => {
      await using under = await fresh();
      const store = under.open();
      try {
        await work(store, under);
      } finally {
        await store.close();
      }
    };

    test('answers undefined for a file it does not have, and lists nothing when it is empty', () =>
      use(async (store) => {
        expect(await store.fetch(NAME)).toBeUndefined();
        expect(await store.list('')).toEqual([]);
        expect(await store.list('tool-')).toEqual([]);
      }));

    test('gives back what was created, with its size and a URL that carries no secret', () =>
      use(async (store, under) => {
        const bytes = randomBytes(200_000);
        expect(await store.create(NAME, sourceOf(bytes))).toBe('created');
        const file = await store.fetch(NAME);
        expect(file?.size).toBe(bytes.byteLength);
        expect(file?.url).toMatch(under.urlEnd ?? /tool-amd64-v1$/);
        expect((await bytesOf(file)).equals(bytes)).toBe(true);
      }));

    test('gives a file to who knows its digest, as to who does not, and says where it is missing', () =>
      use(async (store, under) => {
        const bytes = randomBytes(50_000);
        const absences: Absence[] = [];
        const onMissing = (absence: Absence): void => void absences.push(absence);
        expect(await store.fetch(NAME, { digest: digestOf(bytes), onMissing })).toBeUndefined();
        const url: unknown = expect.stringMatching(under.urlEnd ?? /tool-amd64-v1$/);
        expect(absences).toEqual([{ url, isHidden: false }]);
        await store.create(NAME, sourceOf(bytes));
        const other = under.open();
        for (const client of [store, other]) {
          expect((await bytesOf(await client.fetch(NAME, { digest: digestOf(bytes) }))).equals(bytes)).toBe(true);
          expect((await bytesOf(await client.fetch(NAME))).equals(bytes)).toBe(true);
        }
        await other.close();
      }));

    test('keeps the first bytes of a file for ever', () =>
      use(async (store, under) => {
        const first = Buffer.from('first');
        await store.create(NAME, sourceOf(first));
        expect(await store.create(NAME, sourceOf(Buffer.from('second')))).toBe('exists');
        expect(await store.create(NAME, sourceOf(first))).toBe('exists');
        const other = under.open();
        expect(await other.create(NAME, sourceOf(Buffer.from('third')))).toBe('exists');
        await other.close();
        expect((await bytesOf(await store.fetch(NAME))).toString()).toBe('first');
      }));

    test('lets exactly one of sixteen racing creators win, where its server sees to that, and holds exactly its bytes', () =>
      use(async (store, under) => {
        if (store.guarantee !== 'write-once') return;
        const clients = Array.from({ length: 16 }, () => under.open());
        const contents = clients.map((_client, index) => Buffer.alloc(300_000, index + 1));
        const outcomes = await Promise.all(
          clients.map((client, index) => client.create(NAME, sourceOf(contents[index] ?? Buffer.alloc(0)))),
        );
        const winners = outcomes.flatMap((outcome, index) => (outcome === 'created' ? [index] : []));
        expect(winners).toHaveLength(1);
        const found = await bytesOf(await clients[0]?.fetch(NAME));
        expect(found.equals(contents[winners[0] ?? -1] ?? Buffer.alloc(0))).toBe(true);
        await Promise.all(clients.map((client) => client.close()));
      }));

    test('has a file whole or not at all when its source breaks', () =>
      use(async (store) => {
        const bytes = randomBytes(3 * MEBIBYTE);
        const broken = new Error('the source broke');
        expect(await failureOf(store.create(NAME, breaking(bytes, broken)))).toBe(broken);
        expect(await store.fetch(NAME)).toBeUndefined();
        expect(await store.list('')).toEqual([]);
        expect(await store.create(NAME, sourceOf(bytes))).toBe('created');
      }));

    test('never creates bytes that are not those of the announced digest', () =>
      use(async (store) => {
        const announced = sourceOf(Buffer.alloc(100_000, 1));
        const failure = await failureOf(
          store.create(NAME, { ...announced, open: () => sourceOf(Buffer.alloc(100_000, 2)).open() }),
        );
        expect(failure).toBeInstanceOf(Error);
        expect(await store.fetch(NAME)).toBeUndefined();
      }));

    test('ends a create with the reason of an abort, and leaves nothing', () =>
      use(async (store) => {
        const controller = new AbortController();
        const reason = new Error('the user pressed Ctrl-C');
        const creating = failureOf(store.create(NAME, hanging(randomBytes(MEBIBYTE)), { signal: controller.signal }));
        setTimeout(() => controller.abort(reason), 100);
        expect(await creating).toBe(reason);
        expect(await store.fetch(NAME)).toBeUndefined();
        expect(await store.list('')).toEqual([]);
      }));

    test('ends a fetch with the reason of an abort, before and while bytes flow', () =>
      use(async (store) => {
        await store.create(NAME, sourceOf(randomBytes(20 * MEBIBYTE)));
        const reason = new Error('the user pressed Ctrl-C');
        expect(await failureOf(store.fetch(NAME, { signal: AbortSignal.abort(reason) }))).toBe(reason);
        expect(await failureOf(store.list('', { signal: AbortSignal.abort(reason) }))).toBe(reason);
        expect(
          await failureOf(
            store.create('tool-arm64-v1', sourceOf(randomBytes(9)), { signal: AbortSignal.abort(reason) }),
          ),
        ).toBe(reason);
        const controller = new AbortController();
        const file = await store.fetch(NAME, { signal: controller.signal });
        const reading = async (): Promise<void> => {
          for await (const _chunk of file?.bytes ?? []) controller.abort(reason);
        };
        expect(await failureOf(reading())).toBe(reason);
      }));

    test('frees what a reader that stops early held open, also one that never began', () =>
      use(async (store, under) => {
        await store.create(NAME, sourceOf(randomBytes(20 * MEBIBYTE)));
        const before = under.openHandles?.();
        for (let round = 0; round < 40; round += 1) {
          const file = await store.fetch(NAME);
          if (round % 2 === 0) {
            for await (const _chunk of file?.bytes ?? []) break;
          } else await file?.bytes[Symbol.asyncIterator]().return?.();
        }
        expect((await bytesOf(await store.fetch(NAME))).byteLength).toBe(20 * MEBIBYTE);
        await new Promise((resolve) => setTimeout(resolve, 50));
        if (before !== undefined) expect(under.openHandles?.() ?? 0).toBeLessThanOrEqual(before + 2);
      }));

    test('lists names by prefix, sorted by code point', () =>
      use(async (store) => {
        const names = ['b-amd64-v1', 'a-amd64-v10', 'a-amd64-v1', 'a-v1.SHA256SUMS', 'a-v1.json', 'ab-amd64-any-v2'];
        for (const name of names) await store.create(name, sourceOf(Buffer.from(name)));
        expect(await store.list('')).toEqual([...names].sort());
        expect(await store.list('a-')).toEqual(['a-amd64-v1', 'a-amd64-v10', 'a-v1.SHA256SUMS', 'a-v1.json']);
        expect(await store.list('a-amd64-v1')).toEqual(['a-amd64-v1', 'a-amd64-v10']);
        expect(await store.list('c')).toEqual([]);
      }));

    test('takes every name that a release file can have, and refuses others before anything is touched', () =>
      use(async (store) => {
        const odd = [
          '0-amd64-v1',
          'x-amd64-amd64-v9007199254740991',
          'a-amd64-v1.sigstore.json',
          `${'t'.repeat(100)}-arm64-musl-v1`,
        ];
        for (const name of odd) {
          expect(await store.create(name, sourceOf(Buffer.from(name)))).toBe('created');
          expect((await bytesOf(await store.fetch(name))).toString()).toBe(name);
        }
        for (const name of [
          '',
          '.',
          '..',
          '../up',
          'a/b',
          '.hidden',
          'a b',
          'ä',
          'a?b',
          'a%2fb',
          'a\0',
          'x'.repeat(201),
        ]) {
          expect(await failureOf(store.fetch(name))).toBeInstanceOf(Error);
          expect(await failureOf(store.create(name, sourceOf(Buffer.from('x'))))).toBeInstanceOf(Error);
        }
        expect(await store.list('')).toEqual([...odd].sort());
      }));

    test('takes an empty file, where its server takes any', () =>
      use(async (store, { refusesEmptyFiles }) => {
        if (refusesEmptyFiles === true) {
          expect(await failureOf(store.create(NAME, sourceOf(Buffer.alloc(0))))).toBeInstanceOf(RemoteError);
          expect(await store.fetch(NAME)).toBeUndefined();
          return;
        }
        expect(await store.create(NAME, sourceOf(Buffer.alloc(0)))).toBe('created');
        const file = await store.fetch(NAME);
        expect(file?.size).toBe(0);
        expect((await bytesOf(file)).byteLength).toBe(0);
      }));

    test('carries a file of 20 MB unchanged', () =>
      use(async (store) => {
        const bytes = randomBytes(20_000_000);
        await store.create(NAME, sourceOf(bytes, 1024 * 1024));
        const hash = createHash('sha256');
        for await (const chunk of (await store.fetch(NAME))?.bytes ?? []) hash.update(chunk);
        expect(`sha256:${hash.digest('hex')}`).toBe(digestOf(bytes));
      }));

    test('holds many tools and versions side by side', () =>
      use(async (store) => {
        const names = ['a', 'b', 'a-b'].flatMap((tool) =>
          [1, 2, 10].flatMap((version) => [`${tool}-amd64-v${version}`, `${tool}-arm64-any-v${version}`]),
        );
        for (const name of names) expect(await store.create(name, sourceOf(Buffer.from(name)))).toBe('created');
        for (const name of names) expect((await bytesOf(await store.fetch(name))).toString()).toBe(name);
        expect(await store.list('')).toEqual([...names].sort());
      }));

    test('shows a complete release to everybody, and completing it again changes nothing', () =>
      use(async (store, under) => {
        const release = releaseOfSeed('one', 1);
        expect(await publishInto(store, release)).toBe('complete');
        expect(await publishInto(store, release)).toBe('complete');
        expect(await store.complete(finishedOf(release))).toBe('complete');
        const other = under.open();
        expect(await publishInto(other, release)).toBe('complete');
        await verifyReaders(other, release);
        await other.close();
      }));

    test('is read from a mirror where a rule says so, and written to and listed at its own address', () =>
      use(async (store, under) => {
        if (under.origin === undefined) return;
        await using mirror = await startFaultProxy(under.origin);
        const rewrite = [{ from: under.origin, to: mirror.url }];
        const [publisher, reader] = [under.open({ rewrite }), under.open({ rewrite })];
        const release = releaseOfSeed('one', 1);
        // What an S3 bucket lists to nobody is refused, which names the mirror, too.
        const whereMissing = (name: string, { digest }: ByteSource): Promise<string> =>
          new Promise((told, failed) => {
            const asked = reader.fetch(name, { digest, onMissing: ({ url }) => told(url) });
            asked.then(failed, (error: unknown) => told(String(error)));
          });
        for (const [name, source] of release.files) {
          expect(await whereMissing(name, source)).toContain(`${mirror.url}/`);
        }
        expect(await publishInto(publisher, release)).toBe('complete');
        await verifyReaders(store, release);
        const before = mirror.requests.length;
        expect(await publisher.list('')).toEqual([...release.files.keys()].sort());
        expect(mirror.requests).toHaveLength(before);
        for (const [name, { digest }] of release.files) {
          const file = await reader.fetch(name, { digest });
          expect(file?.url).toContain(`${mirror.url}/`);
          expect(digestOf(await bytesOf(file))).toBe(digest);
        }
        expect(new Set(mirror.requests.map(({ method }) => method))).toEqual(new Set(['GET']));
        await Promise.all([publisher.close(), reader.close()]);
      }));

    test('completes what a publisher left behind at any point', () =>
      use(async (_, under) => {
        for (let done = 1; done <= releaseOfSeed('one', 1).files.size; done += 1) {
          const release = releaseOfSeed('one', done);
          const first = under.open();
          for (const [name, source] of [...release.files].slice(0, done)) await first.create(name, source);
          await first.close();
          const second = under.open();
          const names = await second.list(`tool-`);
          expect(names).toContain([...release.files.keys()][0]);
          expect(await publishInto(second, release)).toBe('complete');
          await verifyReaders(second, release);
          await second.close();
        }
      }));

    test('never lets a second publisher change a complete release, and tells it that it lost', () =>
      use(async (store, under) => {
        const [first, second] = [releaseOfSeed('one', 1), releaseOfSeed('two', 1)];
        expect(await publishInto(store, first)).toBe('complete');
        const late = under.open();
        expect(await publishInto(late, second)).toBe('lost');
        for (const [name, source] of second.files) expect(await late.create(name, source)).toBe('exists');
        if (late.guarantee === 'detected') expect(await late.complete(finishedOf(second))).toBe('lost');
        await late.close();
        expect(await store.complete(finishedOf(first))).toBe('complete');
        await verifyReaders(store, first);
      }));

    test('has at most one of four racing publishers complete a version, and shows exactly its bytes', () =>
      use(async (store, under) => {
        for (let version = 1; version <= 3; version += 1) {
          const releases = ['a', 'b', 'c', 'd'].map((seed) => releaseOfSeed(seed, version));
          const clients = releases.map(() => under.open());
          const outcomes = await Promise.all(
            releases.map((release, index) => publishInto(clients[index] ?? store, release)),
          );
          const winners = releases.filter((_release, index) => outcomes[index] === 'complete');
          expect(winners.length).toBeLessThanOrEqual(1);
          if (store.guarantee === 'write-once') expect(winners).toHaveLength(1);
          for (const release of winners) await verifyReaders(store, release);
          await Promise.all(clients.map((client) => client.close()));
        }
      }));
  });
}
