import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { writeTar } from '../../../src/tar/write.ts';
import { dockerAvailable, startContainer } from '../../servers/docker.ts';
import { podmanAvailable, podmanSockets, startPodmanContainer } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { sshAvailable, startSshServer, type SshServer } from '../../servers/ssh-server.ts';

const image = 'toolcrib-test/busybox';
const missing = (await sshAvailable()) ?? (await dockerAvailable(image)) ?? (await podmanAvailable('rootful'));

async function answers(sandbox: Sandbox): Promise<void> {
  const bytes = Buffer.alloc(3_000_000, 'x');
  await sandbox.unpackTar('/', writeTar([{ path: 'file', kind: 'file', mode: 0o644, bytes }]));
  let size = 0;
  for await (const piece of (await sandbox.readTar('/file')) ?? []) size += piece.byteLength;
  expect(size).toBeGreaterThan(3_000_000);
  const process = await sandbox.exec({ argv: ['/bin/cat'], stdin: true });
  process.stderr.resume();
  process.stdin.end('through ssh');
  expect(await text(process.stdout)).toBe('through ssh');
  expect(await process.exit).toEqual({ code: 0 });
}

describe('an engine behind ssh', requireOrSkip(missing), () => {
  let server: SshServer;
  beforeAll(async () => {
    server = await startSshServer();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const address = (path = '') => `ssh://${server.user}@127.0.0.1:${server.port}${path}`;
  const path = () => `${server.programs}:${process.env['PATH'] ?? ''}`;

  test('is used through its socket on the other machine, Docker and Podman, and leaves no ssh behind', async () => {
    await using container = await startContainer({ image });
    const docker = await openDockerSandbox(container.name, { env: { PATH: path(), DOCKER_HOST: address() } });
    expect(docker.identity.engine).toBe(address());
    await answers(docker);
    await using other = await startPodmanContainer('rootful', { image });
    const env = { PATH: path(), CONTAINER_HOST: address(podmanSockets.rootful) };
    const podman = await openDockerSandbox(other.name, { scheme: 'podman', env });
    await answers(podman);
    await Promise.all([docker.close(), podman.close()]);
    const forwards = async () =>
      (await promisify(execFile)('ps', ['-e', '-o', 'args='])).stdout.includes('toolcrib-ssh-');
    await expect.poll(forwards).toBe(false);
    const folders = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('toolcrib-ssh-'));
    await expect.poll(folders).toEqual([]);
  });

  test('that cannot be reached is told in the words of ssh', async () => {
    const refused = openDockerSandbox('web', { env: { PATH: path(), DOCKER_HOST: 'ssh://127.0.0.1:1' } });
    await expect(refused).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('Connection refused') as string,
    });
    const stranger = openDockerSandbox('web', {
      env: { PATH: path(), DOCKER_HOST: `ssh://nobodyhere@127.0.0.1:${server.port}` },
    });
    await expect(stranger).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('Permission denied') as string,
    });
    const without = openDockerSandbox('web', { env: { PATH: '/no/programs', DOCKER_HOST: address() } });
    await expect(without).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('spawn ssh ENOENT') as string,
    });
    const nowhere = openDockerSandbox('web', { env: { PATH: path(), DOCKER_HOST: address('/no/such.sock') } });
    await expect(nowhere).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
});
