import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolvePodmanEndpoint } from '../../../src/sandboxes/docker/podman-endpoint.ts';

const addressOf = async (env: Record<string, string>) => (await resolvePodmanEndpoint({ env })).address;

test("Podman is found by CONTAINER_HOST before the user's own socket", async () => {
  const env = { CONTAINER_HOST: 'tcp://engine:99', XDG_RUNTIME_DIR: '/run/user/1000', DOCKER_HOST: 'tcp://docker:1' };
  expect(await resolvePodmanEndpoint({ env })).toMatchObject({ kind: 'tcp', host: 'engine', port: 99, tls: undefined });
  expect(await addressOf({ CONTAINER_HOST: 'unix:///srv/podman.sock' })).toBe('unix:///srv/podman.sock');
});

test("Podman is found by the user's own socket, without which root's counts", async () => {
  const runtime = await mkdtemp(join(tmpdir(), 'podman-runtime-'));
  const socket = join(runtime, 'podman', 'podman.sock');
  await mkdir(join(runtime, 'podman'));
  const server = createServer();
  try {
    expect(await addressOf({})).toBe('unix:///run/podman/podman.sock');
    expect(await addressOf({ CONTAINER_HOST: '', XDG_RUNTIME_DIR: '' })).toBe('unix:///run/podman/podman.sock');
    await once(server.listen(socket), 'listening');
    expect(await addressOf({ XDG_RUNTIME_DIR: runtime })).toBe(`unix://${socket}`);
  } finally {
    server.close();
    await rm(runtime, { recursive: true });
  }
});

test('A connection of Podman that has a name is refused with what to set instead', async () => {
  await expect(resolvePodmanEndpoint({ env: { CONTAINER_CONNECTION: 'lab' } })).rejects.toMatchObject({
    code: 'USAGE',
    hint: expect.stringContaining('CONTAINER_HOST') as string,
  });
});

test('A host of Podman that is none is refused', async () => {
  await expect(resolvePodmanEndpoint({ env: { CONTAINER_HOST: 'nonsense' } })).rejects.toMatchObject({
    code: 'REFERENCE_INVALID',
  });
});
