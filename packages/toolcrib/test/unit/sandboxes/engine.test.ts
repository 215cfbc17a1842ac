import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHost } from '../../../src/flows/host.ts';
import { openSandbox } from '../../../src/flows/open-sandbox.ts';
import { connectEngine } from '../../../src/sandboxes/docker/engine.ts';
import { listContainers } from '../../../src/sandboxes/docker/list-containers.ts';
import { openLocalVolume } from '../../../src/sandboxes/docker/local-volume.ts';
import { openContainerMaker } from '../../../src/sandboxes/docker/make-container.ts';
import { failureOfAsync } from '../core/failure.ts';

/** An engine that answers everything in the same way, and what it was asked for. */
let engine: { readonly env: Record<string, string>; readonly asked: string[]; answer: [number, string] };
const server = createServer((request, response) => {
  const { url = '' } = request;
  engine.asked.push(url);
  const [status, text] = url === '/_ping' ? [200, 'OK'] : engine.answer;
  response.writeHead(status, { 'Api-Version': '1.41' }).end(text);
});
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'engine-'));
  const socket = join(folder, 'engine.sock');
  engine = { env: { DOCKER_HOST: `unix://${socket}` }, asked: [], answer: [500, '{"message":"no space left"}'] };
  await once(server.listen(socket), 'listening');
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

describe('DOCKER_API_VERSION', () => {
  test.each(['v1.41', 'latest', '1', '1.41/', '1.41/containers/../..', '1.41?x=', '1.41\n', ' 1.41'])(
    'that is %j is refused before an engine is asked, and never taken for a container that is not there',
    async (version) => {
      const host = createHost({ env: { HOME: '/no/such/home', ...engine.env, DOCKER_API_VERSION: version } });
      const failure = await failureOfAsync(() => openSandbox(host, 'docker:web'));
      expect(failure).toMatchObject({ name: 'UsageError', code: 'USAGE' });
      expect(failure.message).toContain(
        `DOCKER_API_VERSION names no version of Docker's API: ${JSON.stringify(version)}`,
      );
      expect(failure.hint).toContain('unset it');
      expect(engine.asked).toEqual([]);
    },
  );

  test.each([
    ['1.40', '/v1.40/info'],
    ['', '/v1.41/info'],
  ])('that is %j makes paths begin as in %s', async (version, path) => {
    engine.answer = [200, '{}'];
    const connected = await connectEngine({ env: { ...engine.env, DOCKER_API_VERSION: version } });
    await connected.json({ method: 'GET', path: '/info' });
    connected.close();
    expect(engine.asked).toEqual(['/_ping', path]);
  });
});

describe('an engine that refuses', () => {
  const open = () => openSandbox(createHost({ env: { HOME: '/no/such/home', ...engine.env } }), 'docker:web');
  const list = () => listContainers({ scheme: 'docker', label: 'x' }, { env: engine.env });
  const fill = () => openLocalVolume('tools', { scheme: 'docker', env: engine.env });
  const make = () => openContainerMaker({ env: engine.env, random: () => new Uint8Array(8), now: () => 0 });

  const CALLS: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['a container', open],
    ['a list of containers', list],
    ['to tell of itself', make],
    // Only root fills a volume.
    ...(process.geteuid?.() === 0 ? [['a volume', fill] as const] : []),
  ];
  test.each(CALLS)('%s is quoted, and it is said where to look', async (_, call) => {
    const failure = await failureOfAsync(call);
    expect(failure).toMatchObject({ name: 'RemoteError', code: 'REMOTE_REFUSED', details: { status: 500 } });
    expect(failure.message).toContain('no space left');
    expect(failure.hint).toContain('or look into its log');
  });

  test('to speak JSON comes with what to do', async () => {
    engine.answer = [200, '<html>'];
    const failure = await failureOfAsync(list);
    expect(failure).toMatchObject({
      code: 'REMOTE_REFUSED',
      hint: expect.stringContaining('container engine') as string,
    });
  });
});
