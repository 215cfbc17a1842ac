import { once } from 'node:events';
import { readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { addExtension } from '../../../src/flows/add-extension.ts';
import { openProject } from '../../../src/flows/project.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { declare, digestOf, packOf, writeLock } from '../../unit/extensions/pack-site.ts';
import { toolcrib } from '../cli/command-line.ts';
import { extensionSite, type ExtensionSite } from './extension-site.ts';

const IDS = ['e1', 'e2', 'e3', 'e4', 'e5', 'e6'];

async function add(site: ExtensionSite, id: string, reference: string, store = '', cache = site.cache): Promise<void> {
  const host = { ...site.host({ env: { TOOLCRIB_STORE_URL: store } }), cacheDirectory: cache };
  await addExtension(await openProject(host), host, { id, reference });
}

async function lockedIds(site: ExtensionSite): Promise<readonly string[]> {
  const { changed, extensions } = await site.lock({ frozen: true });
  expect(changed).toBe(false);
  return extensions.map(({ id }) => id);
}

describe('extensions that are added at the same time', () => {
  test('by calls are all declared and locked', async () => {
    await using site = await extensionSite();
    await site.write('a.gtxpack', packOf('one'));
    await Promise.all(IDS.map((id) => add(site, id, 'a.gtxpack')));
    expect(await lockedIds(site)).toEqual(IDS);
  });

  test('are all declared and locked, also where each call has a cache of its own, or one that cannot be made', async () => {
    await using site = await extensionSite();
    await site.write('a.gtxpack', packOf('one'));
    const cacheOf = (id: string): string => (id === 'e1' ? '/dev/null/cache' : join(site.folder, 'caches', id));
    await Promise.all(IDS.map((id) => add(site, id, 'a.gtxpack', '', cacheOf(id))));
    expect(await lockedIds(site)).toEqual(IDS);
    const left = (await readdir(site.folder)).filter((name) => name !== 'caches' && name !== 'cache');
    expect(left).toEqual(['a.gtxpack', 'pack.extensions.json', 'pack.extensions.lock.json']);
  });

  test('wait for a command that was killed no longer than it lived', async () => {
    await using site = await extensionSite({ '.pack.extensions.sqlite': '' });
    await site.write('a.gtxpack', packOf('one'));
    await add(site, 'e1', 'a.gtxpack');
    expect(await readdir(site.folder)).not.toContain('.pack.extensions.sqlite');
  });

  test('are refused, all of them, where the directory of the pack cannot be locked', async () => {
    await using site = await extensionSite();
    await site.write('a.gtxpack', packOf('one'));
    await site.write('.pack.extensions.sqlite/in-the-way', '');
    const error = await failureOfAsync(() => add(site, 'e1', 'a.gtxpack'));
    expect(error).toMatchObject({ code: 'STORAGE', hint: expect.stringContaining('nothing was written') as string });
    expect(await readdir(site.folder)).not.toContain('pack.extensions.json');
  });

  test('by processes are all declared and locked', async () => {
    await using site = await extensionSite();
    await site.write('a.gtxpack', packOf('one'));
    const ran = await Promise.all(
      IDS.slice(0, 3).map((id) => toolcrib(['ext', 'add', id, 'a.gtxpack'], { cwd: site.folder })),
    );
    expect(ran.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(await lockedIds(site)).toEqual(IDS.slice(0, 3));
  });
});

/** A store whose answers wait until a test gives them. */
async function startSlowStore() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : undefined}`;
  return {
    url,
    async asked(): Promise<ServerResponse> {
      const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
      return response;
    },
    [Symbol.dispose]: () => void server.close(),
  };
}

test('a lock has what was declared while its packs came', async () => {
  await using site = await extensionSite();
  await site.write('a.gtxpack', packOf('one'));
  using store = await startSlowStore();
  const slow = { id: 'slow', ref: `${store.url}/slow.gtxpack` };
  await declare(site, [slow]);
  const locking = site.lock();
  const response = await store.asked();
  await declare(site, [slow, { id: 'late', ref: 'a.gtxpack' }]);
  response.end(packOf('two'));
  expect((await locking).extensions.map(({ id }) => id)).toEqual(['late', 'slow']);
});

test('nothing is locked when what a pack declares is gone before its packs came', async () => {
  await using site = await extensionSite();
  using store = await startSlowStore();
  await declare(site, [{ id: 'slow', ref: `${store.url}/slow.gtxpack` }]);
  const locking = failureOfAsync(() => site.lock());
  const response = await store.asked();
  await rm(join(site.folder, 'pack.extensions.json'));
  response.end(packOf('two'));
  expect(await locking).toMatchObject({ name: 'NotFoundError', code: 'NOT_FOUND' });
  expect(await readdir(site.folder)).toEqual(['cache']);
});

describe('a version of a store that gives other bytes meanwhile', () => {
  const ref = 'store://acme/http@1.0.0';
  const ids = ['e1', 'e2'];
  const isRefused = (error: unknown) => expect(error).toMatchObject({ code: 'DIGEST_MISMATCH' });

  test('is added once: two commands never lock two digests for it', async () => {
    await using site = await extensionSite();
    using store = await startSlowStore();
    const adding: Promise<unknown>[] = [];
    const responses: ServerResponse[] = [];
    for (const id of ids) {
      adding.push(
        add(site, id, ref, store.url).then(
          () => 'added',
          (error: unknown) => error,
        ),
      );
      responses.push(await store.asked());
    }
    responses[0]?.end(packOf('one'));
    expect(await adding[0]).toBe('added');
    responses[1]?.end(packOf('two'));
    isRefused(await adding[1]);
    expect((await site.lock({ frozen: true, offline: true })).extensions.map(({ id }) => id)).toEqual(['e1']);
  });

  test('is not locked anew: what another command locked for it counts', async () => {
    await using site = await extensionSite();
    using store = await startSlowStore();
    await declare(site, [{ id: 'e1', ref }]);
    const locking = failureOfAsync(() => site.lock({ env: { TOOLCRIB_STORE_URL: store.url } }));
    const response = await store.asked();
    await writeLock(site, [{ id: 'e1', ref, digest: digestOf(packOf('one')) }]);
    response.end(packOf('two'));
    isRefused(await locking);
    expect(await readFile(join(site.folder, 'pack.extensions.lock.json'), 'utf8')).toContain(digestOf(packOf('one')));
  });
});
