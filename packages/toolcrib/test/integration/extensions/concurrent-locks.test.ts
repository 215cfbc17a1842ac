import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { addExtension } from '../../../src/flows/add-extension.ts';
import { openProject } from '../../../src/flows/project.ts';
import { declare, packOf } from '../../unit/extensions/pack-site.ts';
import { toolcrib } from '../cli/command-line.ts';
import { extensionSite, type ExtensionSite } from './extension-site.ts';

const IDS = ['e1', 'e2', 'e3', 'e4', 'e5', 'e6'];

async function add(site: ExtensionSite, id: string, reference: string): Promise<void> {
  const host = site.host();
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

test('a lock has what was declared while its packs came', async () => {
  await using site = await extensionSite();
  await site.write('a.gtxpack', packOf('one'));
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  await declare(site, [{ id: 'slow', ref: `http://127.0.0.1:${port}/slow.gtxpack` }]);
  const locking = site.lock();
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
  await declare(site, [
    { id: 'slow', ref: `http://127.0.0.1:${port}/slow.gtxpack` },
    { id: 'late', ref: 'a.gtxpack' },
  ]);
  response.end(packOf('two'));
  expect((await locking).extensions.map(({ id }) => id)).toEqual(['late', 'slow']);
  server.close();
});
