import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RemoteError } from '../../../src/core/errors.ts';
import { digestFile } from '../../../src/disk/digest-file.ts';
import { publishRelease } from '../../../src/publish/publish-release.ts';
import type { FinishedRelease, Store } from '../../../src/stores/store.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { buildRelease, directoryStore, requestOf, temporaryFolder } from '../../unit/publish/sample-release.ts';

const CLAIM = 'tool-v1.SHA256SUMS';
const FILES = [CLAIM, 'tool-amd64-any-v1', 'tool-arm64-any-v1', 'tool-v1.json'];

/** A store that lets two publishers go on, in a directory whose files anybody may replace. */
interface Detecting {
  readonly store: Store;
  readonly replace: (name: string, text: string) => Promise<void>;
}

function detecting(folder: string, changes: Partial<Store> = {}): Detecting {
  const store = directoryStore(folder);
  return {
    store: { ...store, guarantee: 'detected', ...changes },
    async replace(name, text) {
      const path = join(folder, 'store', name);
      await rm(path, { force: true });
      await writeFile(path, text);
    },
  };
}

const theirSums = FILES.slice(1, 3)
  .map((name) => `${'0'.repeat(64)}  ${name}\n`)
  .join('');

describe('a store that only detects a race', () => {
  test.each([1, 2, 3])('tells the loser when the claim became another one before file %i', async (index) => {
    await using folder = await temporaryFolder();
    const inner = directoryStore(folder.path);
    const { store, replace } = detecting(folder.path, {
      async create(name, source, options) {
        if (name === FILES[index]) await replace(CLAIM, theirSums);
        return await inner.create(name, source, options);
      },
    });
    const failure = await failureOfAsync(async () => publishRelease(requestOf(store, await buildRelease(folder.path))));
    expect(failure).toMatchObject({ code: 'VERSION_TAKEN', details: { different: FILES.slice(1, 3) } });
  });

  test('does not let the loser complete a release whose claim became another one', async () => {
    await using folder = await temporaryFolder();
    const inner = directoryStore(folder.path);
    const { store, replace } = detecting(folder.path, {
      async create(name, source, options) {
        const outcome = await inner.create(name, source, options);
        if (name === FILES[2]) await replace(CLAIM, theirSums);
        return outcome;
      },
    });
    const artifacts = await buildRelease(folder.path);
    const failure = await failureOfAsync(() => publishRelease(requestOf(store, artifacts)));
    expect(failure).toMatchObject({ code: 'VERSION_TAKEN' });
    expect(await inner.list('')).not.toContain(FILES[3]);
  });

  test('tells the loser when the other completed its release in the end', async () => {
    await using folder = await temporaryFolder();
    const { store, replace } = detecting(folder.path, {
      async complete() {
        await replace(CLAIM, theirSums);
        return 'complete';
      },
    });
    const artifacts = await buildRelease(folder.path);
    expect(await failureOfAsync(() => publishRelease(requestOf(store, artifacts)))).toMatchObject({
      code: 'VERSION_TAKEN',
    });
  });

  test('tells the loser when the store says so', async () => {
    await using folder = await temporaryFolder();
    const { store, replace } = detecting(folder.path, {
      async complete() {
        await replace(CLAIM, theirSums);
        return 'lost';
      },
    });
    const artifacts = await buildRelease(folder.path);
    expect(await failureOfAsync(() => publishRelease(requestOf(store, artifacts)))).toMatchObject({
      code: 'VERSION_TAKEN',
    });
  });

  test.each(['other bytes', 'a refusal'])('tells the loser, who got %s, by whose claim it is', async (what) => {
    await using folder = await temporaryFolder();
    const inner = directoryStore(folder.path);
    const { store, replace } = detecting(folder.path, {
      async create(name, source, options) {
        if (name !== FILES[1]) return await inner.create(name, source, options);
        await replace(CLAIM, theirSums);
        if (what === 'a refusal') throw new RemoteError('REMOTE_REFUSED', 'this release is published already');
        await replace(name, 'theirs');
        return 'exists';
      },
    });
    const artifacts = await buildRelease(folder.path);
    const failure = await failureOfAsync(() => publishRelease(requestOf(store, artifacts)));
    expect(failure).toMatchObject({ code: 'VERSION_TAKEN' });
    expect(failure.cause).toBeDefined();
  });

  test('calls other bytes under our own claim what they are', async () => {
    await using folder = await temporaryFolder();
    const inner = directoryStore(folder.path);
    const { store, replace } = detecting(folder.path, {
      async create(name, source, options) {
        const outcome = await inner.create(name, source, options);
        if (name === FILES[2]) await replace(name, 'x'.repeat(source.size));
        return outcome;
      },
    });
    const artifacts = await buildRelease(folder.path);
    expect(await failureOfAsync(() => publishRelease(requestOf(store, artifacts)))).toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
  });

  test('is asked for each artifact by its name in the end, where it keeps by digest', async () => {
    await using folder = await temporaryFolder();
    const inner = directoryStore(folder.path);
    const byName: string[] = [];
    let completed = false;
    const { store } = detecting(folder.path, {
      async fetch(name, options) {
        if (completed && options?.digest === undefined) byName.push(name);
        return await inner.fetch(name, options);
      },
      complete() {
        completed = true;
        return Promise.resolve('complete');
      },
    });
    await publishRelease(requestOf(store, await buildRelease(folder.path)));
    expect([...byName].sort()).toEqual([...FILES].sort());
  });
});

describe('a store that has a last step', () => {
  test('is told every file as it stands there, also those that somebody else wrote, and the notes', async () => {
    await using folder = await temporaryFolder();
    const artifacts = await buildRelease(folder.path);
    const inner = directoryStore(folder.path);
    await publishRelease({ ...requestOf(inner, artifacts), source: { commit: 'b'.repeat(40), date: null } });
    const finished: FinishedRelease[] = [];
    const store: Store = {
      ...inner,
      complete(release) {
        finished.push(release);
        return Promise.resolve('complete');
      },
    };
    await publishRelease({ ...requestOf(store, artifacts), notes: 'what is new' });
    expect(finished).toMatchObject([{ tool: 'tool', version: 1, notes: 'what is new' }]);
    expect(finished[0]?.files.map(({ name }) => name)).toEqual(FILES);
    for (const { name, digest, size } of finished[0]?.files ?? []) {
      expect(await digestFile(join(folder.path, 'store', name))).toEqual({ digest, size });
    }
  });

  test('is not believed when what it made visible is not ours', async () => {
    await using folder = await temporaryFolder();
    const inner = directoryStore(folder.path);
    const store: Store = {
      ...inner,
      async complete() {
        await rm(join(folder.path, 'store', 'tool-v1.json'));
        await writeFile(join(folder.path, 'store', 'tool-v1.json'), '{}');
        return 'complete';
      },
    };
    const artifacts = await buildRelease(folder.path);
    expect(await failureOfAsync(() => publishRelease(requestOf(store, artifacts)))).toMatchObject({
      code: 'MALFORMED',
    });
  });

  test('that does not give out what it took is not called a lost race', async () => {
    await using folder = await temporaryFolder();
    const store: Store = { ...directoryStore(folder.path), fetch: () => Promise.resolve(undefined) };
    const artifacts = await buildRelease(folder.path);
    expect(await failureOfAsync(() => publishRelease(requestOf(store, artifacts)))).toMatchObject({
      code: 'REMOTE_REFUSED',
      message: `file:store has ${CLAIM} but does not give it out`,
    });
  });
});

describe('a version that was passed over', () => {
  test.each([
    [2, null],
    [3, { first: 2, last: 2 }],
    [9, { first: 2, last: 8 }],
  ])('is told when version %i follows version 1', async (version, skipped) => {
    await using folder = await temporaryFolder();
    const store = directoryStore(folder.path);
    await publishRelease(requestOf(store, await buildRelease(folder.path)));
    const request = requestOf(store, await buildRelease(folder.path, { version }), { version });
    expect(await publishRelease(request)).toMatchObject({ complete: true, skipped });
  });

  test('is nothing in a store that begins with a later one', async () => {
    await using folder = await temporaryFolder();
    const request = requestOf(directoryStore(folder.path), await buildRelease(folder.path, { version: 7 }), {
      version: 7,
    });
    expect(await publishRelease(request)).toMatchObject({ skipped: null });
  });
});
