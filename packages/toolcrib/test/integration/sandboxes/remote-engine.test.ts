import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import { writeTar } from '../../../src/tar/write.ts';
import { startDockerDaemon, type DockerDaemon } from '../../servers/docker-daemon.ts';
import { dockerAvailable } from '../../servers/docker.ts';
import { PODMAN_USER, podmanAvailable } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { compileSyntheticTool, injectionOf, syntheticArtifact } from '../inject/synthetic-artifact.ts';

const image = 'toolcrib-test/busybox';
const missing =
  (await dockerAvailable(image)) ??
  (await podmanAvailable('rootless')) ??
  (process.getuid?.() === 0 ? undefined : 'only root can start a second Docker Engine');

describe('a Docker Engine behind TLS, with user namespaces', requireOrSkip(missing), () => {
  let daemon: DockerDaemon;
  let name = '';
  beforeAll(async () => {
    daemon = await startDockerDaemon(image, [`--userns-remap=${PODMAN_USER}`]);
    name = await daemon.docker('run', '--detach', '--network', 'none', '--user', '1000', image, 'sleep', 'infinity');
  }, 120_000);
  afterAll(() => daemon[Symbol.asyncDispose]());

  const envWith = (certificates: string) => ({
    DOCKER_HOST: daemon.host,
    DOCKER_TLS_VERIFY: '1',
    DOCKER_CERT_PATH: certificates,
  });
  const openHere = () => openDockerSandbox(name, { env: envWith(daemon.certificates) });

  test('is used with the certificate of a client, and owners are those seen inside', async () => {
    const sandbox = await openHere();
    expect(sandbox.identity).toMatchObject({ id: name, engine: daemon.host, user: '1000' });
    const bytes = Buffer.alloc(3_000_000, 'x');
    await sandbox.unpackTar('/', writeTar([{ path: 'file', kind: 'file', mode: 0o640, bytes }]));
    expect(await sandbox.stat('/file')).toMatchObject({ kind: 'file', mode: 0o640, size: 3_000_000 });
    expect(await sandbox.readOwner('/file')).toBe(0);
    expect(await sandbox.readOwner('/')).toBe(0);
    const argv = ['/bin/sh', '-c', 'stat -c %u:%g /file; exec cat'];
    const process = await sandbox.exec({ argv, user: '0', stdin: true });
    process.stderr.resume();
    process.stdin.end('through TLS');
    expect(await text(process.stdout)).toBe('0:0\nthrough TLS');
    expect(await process.exit).toEqual({ code: 0 });
    await sandbox.close();
  });

  test('takes the tool with the protection of owners that were read back', async () => {
    const sandbox = await openHere();
    const ledger = await mkdtemp(join(tmpdir(), 'ledger-'));
    const artifact = await syntheticArtifact({ program: await compileSyntheticTool() });
    const placement = await injectTool(injectionOf(sandbox, artifact, ledger));
    expect(placement).toMatchObject({ rung: 'archive', protection: 'root-owned', readBack: 'engine' });
    await rm(ledger, { recursive: true });
    await sandbox.close();
  });

  test('is not used without that certificate, by another authority, or in the clear', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'no-certificates-'));
    const unreachable = { code: 'UNREACHABLE', message: expect.stringContaining(daemon.host) as string };
    await expect(openDockerSandbox(name, { env: envWith(empty) })).rejects.toMatchObject(unreachable);
    await expect(openDockerSandbox(name, { env: { DOCKER_HOST: daemon.host } })).rejects.toMatchObject(unreachable);
    await rm(empty, { recursive: true });
  });

  test('is not asked when offline', async () => {
    const opening = openDockerSandbox(name, { env: envWith(daemon.certificates), offline: true });
    await expect(opening).rejects.toMatchObject({ code: 'OFFLINE' });
  });

  test('that crashes while a program runs and bytes are sent is an engine that does not answer', async () => {
    const sandbox = await openHere();
    const process = await sandbox.exec({ argv: ['/bin/sh', '-c', 'echo begun; exec cat'], stdin: true });
    process.stderr.resume();
    await text(process.stdout.once('data', () => void daemon.kill())).catch(() => '');
    await expect(process.exit).rejects.toMatchObject({ code: 'UNREACHABLE' });
    const sending = sandbox.unpackTar('/', writeTar([{ path: 'file', kind: 'file', mode: 0o644 }]));
    await expect(sending).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await sandbox.close();
  });
});
