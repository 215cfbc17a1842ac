import { execFile } from 'node:child_process';
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ConflictError, IntegrityError, PolicyError, UsageError } from '../../../src/core/errors.ts';
import { publishRelease, type PublishReport } from '../../../src/publish/publish-release.ts';
import { publishedVersions } from '../../../src/releases/published-versions.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import type { Store } from '../../../src/stores/store.ts';
import { buildRelease, directoryStore, requestOf, temporaryFolder } from './sample-release.ts';

const FILES = ['tool-v1.SHA256SUMS', 'tool-amd64-any-v1', 'tool-arm64-any-v1', 'tool-v1.json'];

const outcomes = (report: PublishReport): string[] => report.files.map(({ name, outcome }) => `${outcome} ${name}`);

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Remembers in which order files are created, and fails when it comes to one of them. */
function watched(store: Store, failAt?: string): Store & { readonly created: string[] } {
  const created: string[] = [];
  return {
    ...store,
    created,
    create: async (name, source, options) => {
      if (name === failAt) throw new Error(`the power went out before ${name}`);
      created.push(name);
      return await store.create(name, source, options);
    },
  };
}

describe('publishing a release', () => {
  test('claims the version first, and makes it complete last', async () => {
    await using folder = await temporaryFolder();
    const store = watched(directoryStore(folder.path));
    const report = await publishRelease(requestOf(store, await buildRelease(folder.path)));
    expect(store.created).toEqual(FILES);
    expect(outcomes(report)).toEqual(FILES.map((name) => `created ${name}`));
    expect(report).toMatchObject({ store: 'file:store', complete: true, alreadyPublished: false, dryRun: false });
  });

  test('leaves what "sha256sum -c" accepts, and a manifest that says the same', async () => {
    await using folder = await temporaryFolder();
    const store = directoryStore(folder.path);
    const artifacts = await buildRelease(folder.path);
    await publishRelease(requestOf(store, artifacts));
    const cwd = join(folder.path, 'store');
    const { stdout } = await promisify(execFile)('sha256sum', ['-c', '--strict', 'tool-v1.SHA256SUMS'], { cwd });
    expect(stdout).toBe('tool-amd64-any-v1: OK\ntool-arm64-any-v1: OK\n');
    const release = await readRelease(store, { tool: 'tool', version: 1 });
    expect(release?.manifest.files.map(({ name, digest, size, target }) => [name, digest, size, target])).toEqual(
      artifacts.map(({ name, digest, size }, index) => [name, digest, size, ['amd64-any', 'arm64-any'][index]]),
    );
    expect(release?.manifest.source.commit).toBe('a'.repeat(40));
  });

  test('is a success without effect when the same bytes are there', async () => {
    await using folder = await temporaryFolder();
    const artifacts = await buildRelease(folder.path);
    await publishRelease(requestOf(directoryStore(folder.path), artifacts));
    const store = watched(directoryStore(folder.path));
    const report = await publishRelease({ ...requestOf(store, artifacts), source: { commit: null, date: null } });
    expect(store.created).toEqual([]);
    expect(outcomes(report)).toEqual(FILES.map((name) => `same ${name}`));
    expect(report).toMatchObject({ complete: true, alreadyPublished: true });
  });

  test('refuses other bytes under a published version, and changes nothing', async () => {
    await using folder = await temporaryFolder();
    const artifacts = await buildRelease(folder.path);
    const [first, second] = artifacts;
    const [other] = await buildRelease(folder.path);
    if (!first || !second || !other) throw new Error('two artifacts were built');
    await publishRelease(requestOf(directoryStore(folder.path), artifacts));
    const store = watched(directoryStore(folder.path));
    const failure = await failureOf(publishRelease(requestOf(store, [other, second])));
    if (!(failure instanceof ConflictError)) throw failure;
    expect(failure).toMatchObject({ code: 'VERSION_TAKEN', details: { different: [first.name] } });
    expect(failure.hint).toContain('bump the version file to 2');
    expect(store.created).toEqual([]);
  });

  test('refuses a version that somebody else claimed, before an artifact is uploaded', async () => {
    await using folder = await temporaryFolder();
    const interrupted = watched(directoryStore(folder.path), 'tool-amd64-any-v1');
    await failureOf(publishRelease(requestOf(interrupted, await buildRelease(folder.path))));
    const store = watched(directoryStore(folder.path));
    const failure = await failureOf(publishRelease(requestOf(store, await buildRelease(folder.path))));
    expect(failure).toMatchObject({ code: 'VERSION_TAKEN' });
    expect(await store.list('')).toEqual(['tool-v1.SHA256SUMS']);
  });

  test.each(FILES)('completes what was interrupted before %s', async (failAt) => {
    await using folder = await temporaryFolder();
    const artifacts = await buildRelease(folder.path);
    const interrupted = watched(directoryStore(folder.path), failAt);
    expect(await failureOf(publishRelease(requestOf(interrupted, artifacts)))).toBeInstanceOf(Error);
    const store = watched(directoryStore(folder.path));
    expect(await readRelease(store, { tool: 'tool', version: 1 })).toBeUndefined();
    const report = await publishRelease(requestOf(store, artifacts));
    expect(store.created).toEqual(FILES.slice(FILES.indexOf(failAt)));
    expect(report).toMatchObject({ complete: true, alreadyPublished: false });
    expect(await readRelease(store, { tool: 'tool', version: 1 })).toBeDefined();
  });

  test('refuses a version below the highest published one', async () => {
    await using folder = await temporaryFolder();
    const store = directoryStore(folder.path);
    await publishRelease(requestOf(store, await buildRelease(folder.path, { version: 10 }), { version: 10 }));
    const lower = requestOf(store, await buildRelease(folder.path, { version: 9 }), { version: 9 });
    const failure = await failureOf(publishRelease(lower));
    expect(failure).toBeInstanceOf(PolicyError);
    expect(failure).toMatchObject({ code: 'ROLLBACK', details: { version: 9, highest: 10 } });
    expect(await failureOf(publishRelease({ ...lower, dryRun: true }))).toMatchObject({ code: 'ROLLBACK' });
    await publishRelease(requestOf(store, await buildRelease(folder.path, { version: 11 }), { version: 11 }));
    expect((await publishedVersions(store, 'tool')).complete).toEqual([10, 11]);
  });

  test('is not kept from a version by a higher one that was only claimed', async () => {
    await using folder = await temporaryFolder();
    const interrupted = watched(directoryStore(folder.path), 'tool-amd64-any-v3');
    const abandoned = requestOf(interrupted, await buildRelease(folder.path, { version: 3 }), { version: 3 });
    await failureOf(publishRelease(abandoned));
    const store = directoryStore(folder.path);
    await publishRelease(requestOf(store, await buildRelease(folder.path, { version: 2 }), { version: 2 }));
    expect(await publishedVersions(store, 'tool')).toMatchObject({
      complete: [2],
      abandoned: [
        {
          version: 3,
          claim: expect.anything() as unknown,
          present: [],
          missing: ['tool-amd64-any-v3', 'tool-arm64-any-v3'],
        },
      ],
    });
  });

  test('shows in a dry run what it would do, and does nothing', async () => {
    await using folder = await temporaryFolder();
    const artifacts = await buildRelease(folder.path);
    const store = watched(directoryStore(folder.path));
    const report = await publishRelease(requestOf(store, artifacts, { dryRun: true }));
    expect(outcomes(report)).toEqual(FILES.map((name) => `would-create ${name}`));
    expect(report).toMatchObject({ dryRun: true, complete: false, alreadyPublished: false });
    expect(store.created).toEqual([]);
    expect(await readdir(folder.path)).not.toContain('store');

    await failureOf(publishRelease(requestOf(watched(store, 'tool-arm64-any-v1'), artifacts)));
    expect(outcomes(await publishRelease(requestOf(store, artifacts, { dryRun: true })))).toEqual([
      'same tool-v1.SHA256SUMS',
      'same tool-amd64-any-v1',
      'would-create tool-arm64-any-v1',
      'would-create tool-v1.json',
    ]);
    const other = await buildRelease(folder.path);
    expect(await failureOf(publishRelease(requestOf(store, other, { dryRun: true })))).toMatchObject({
      code: 'VERSION_TAKEN',
    });
  });

  test('keeps two versions of two tools apart in one store', async () => {
    await using folder = await temporaryFolder();
    const store = directoryStore(folder.path);
    for (const tool of ['tool', 'tool-amd64']) {
      for (const version of [1, 2]) {
        const artifacts = await buildRelease(folder.path, { tool, version });
        await publishRelease(requestOf(store, artifacts, { tool, version }));
      }
    }
    for (const tool of ['tool', 'tool-amd64']) {
      expect(await publishedVersions(store, tool)).toMatchObject({ complete: [1, 2], abandoned: [] });
      expect((await readRelease(store, { tool, version: 2 }))?.manifest.files).toHaveLength(2);
    }
  });

  test('checks every artifact before the first upload', async () => {
    await using folder = await temporaryFolder();
    const store = watched(directoryStore(folder.path));
    const [first, second] = await buildRelease(folder.path);
    if (!first || !second) throw new Error('two artifacts were built');
    const refused = async (artifacts: (typeof first)[]): Promise<unknown> =>
      await failureOf(publishRelease(requestOf(store, artifacts)));

    expect(await refused([first])).toMatchObject({ code: 'TARGET_INVALID', details: { missing: ['arm64-any'] } });
    expect(await refused([first, second, second])).toBeInstanceOf(UsageError);
    expect(await refused([first, { ...second, name: 'tool-arm64-any-v2' }])).toMatchObject({ code: 'NAME_INVALID' });
    expect(await refused([first, { ...second, name: `${second.name}-dev` }])).toMatchObject({ code: 'NAME_INVALID' });
    await appendFile(second.path, 'x');
    expect(await refused([first, second])).toMatchObject({ code: 'SIZE_MISMATCH' });
    await writeFile(second.path, Buffer.alloc(second.size));
    expect(await refused([first, second])).toMatchObject({ code: 'DIGEST_MISMATCH' });
    await rm(second.path);
    expect(await refused([first, second])).toMatchObject({ code: 'NOT_FOUND' });
    expect(store.created).toEqual([]);
  });

  test('reads back what it wrote, and calls other bytes by their name', async () => {
    await using folder = await temporaryFolder();
    const artifacts = await buildRelease(folder.path);
    const path = join(folder.path, 'store', 'tool-arm64-any-v1');
    const store = directoryStore(folder.path);
    const lying: Store = {
      ...store,
      create: async (name, source, options) => {
        const outcome = await store.create(name, source, options);
        if (path.endsWith(name)) {
          await rm(path);
          await writeFile(path, Buffer.alloc(source.size));
        }
        return outcome;
      },
    };
    const failure = await failureOf(publishRelease(requestOf(lying, artifacts)));
    expect(failure).toBeInstanceOf(IntegrityError);
    expect(failure).toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await store.list('tool-v1.json')).toEqual([]);
  });

  test('tells a repeat that somebody damaged the published release', async () => {
    await using folder = await temporaryFolder();
    const store = directoryStore(folder.path);
    const artifacts = await buildRelease(folder.path);
    await publishRelease(requestOf(store, artifacts));
    const path = join(folder.path, 'store', 'tool-amd64-any-v1');
    await rm(path);
    await writeFile(path, 'tampered');
    expect(await failureOf(publishRelease(requestOf(store, artifacts)))).toMatchObject({ code: 'SIZE_MISMATCH' });
  });

  test('ends with the reason of an abort between two files, and completes later', async () => {
    await using folder = await temporaryFolder();
    const artifacts = await buildRelease(folder.path);
    const controller = new AbortController();
    const store = directoryStore(folder.path);
    const aborting: Store = {
      ...store,
      create: async (name, source, options) => {
        const outcome = await store.create(name, source, options);
        if (name === 'tool-amd64-any-v1') controller.abort(new Error('Ctrl-C'));
        return outcome;
      },
    };
    const failure = await failureOf(publishRelease({ ...requestOf(aborting, artifacts), signal: controller.signal }));
    expect(failure).toBe(controller.signal.reason);
    expect(await readRelease(store, { tool: 'tool', version: 1 })).toBeUndefined();
    expect(await publishRelease(requestOf(store, artifacts))).toMatchObject({ complete: true });
  });
});

describe('a release that is read', () => {
  test('is none without a manifest, and a contradiction when its two accounts differ', async () => {
    await using folder = await temporaryFolder();
    const store = directoryStore(folder.path);
    const id = { tool: 'tool', version: 1 };
    expect(await readRelease(store, id)).toBeUndefined();
    await publishRelease(requestOf(store, await buildRelease(folder.path)));
    const sums = join(folder.path, 'store', 'tool-v1.SHA256SUMS');
    const text = await readFile(sums, 'utf8');
    const rewrite = async (content: string): Promise<unknown> => {
      await rm(sums, { force: true });
      await writeFile(sums, content);
      return await failureOf(readRelease(store, id));
    };
    expect(await rewrite(text.replace(/^[0-9a-f]{64}/, '0'.repeat(64)))).toMatchObject({
      code: 'MALFORMED',
      details: { different: ['tool-amd64-any-v1'] },
    });
    expect(await rewrite('nonsense')).toMatchObject({ code: 'MALFORMED' });
    expect(await rewrite('')).toMatchObject({ code: 'MALFORMED' });
    expect(await rewrite(text.replaceAll('-v1', '-v2'))).toMatchObject({ code: 'MALFORMED' });
    expect(await rewrite('x'.repeat(2 * 1024 * 1024))).toMatchObject({ code: 'TOO_LARGE' });
    await rm(sums);
    expect(await failureOf(readRelease(store, id))).toMatchObject({ code: 'MALFORMED' });
  });

  test('is refused when the store answers with the manifest of another version', async () => {
    await using folder = await temporaryFolder();
    const store = directoryStore(folder.path);
    await publishRelease(requestOf(store, await buildRelease(folder.path)));
    const other = await readFile(join(folder.path, 'store', 'tool-v1.json'));
    await writeFile(join(folder.path, 'store', 'tool-v2.json'), other);
    expect(await failureOf(readRelease(store, { tool: 'tool', version: 2 }))).toMatchObject({
      code: 'VERSION_MISMATCH',
    });
  });
});
