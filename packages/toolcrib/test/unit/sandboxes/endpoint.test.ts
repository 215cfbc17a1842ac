import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { endpointOf, resolveEndpoint } from '../../../src/sandboxes/docker/endpoint.ts';
import { failureOfAsync } from '../core/failure.ts';
import { NO_FILE } from '../disk/no-file.ts';

let home = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'docker-home-'));
});
afterEach(async () => {
  await rm(home, { recursive: true });
});

async function writeContext(name: string, host: string, tls: Record<string, string> = {}): Promise<void> {
  const id = createHash('sha256').update(name).digest('hex');
  const meta = join(home, '.docker', 'contexts', 'meta', id);
  const material = join(home, '.docker', 'contexts', 'tls', id, 'docker');
  await mkdir(meta, { recursive: true });
  await mkdir(material, { recursive: true });
  await writeFile(join(meta, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
  for (const [file, text] of Object.entries(tls)) await writeFile(join(material, file), text);
}

async function writeConfig(config: unknown): Promise<void> {
  await mkdir(join(home, '.docker'), { recursive: true });
  await writeFile(join(home, '.docker', 'config.json'), JSON.stringify(config));
}

function failureOf(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not fail');
}

describe('the engine', () => {
  test('is found in the order of the docker command', async () => {
    await writeContext('current', 'tcp://current:1');
    await writeContext('named', 'tcp://named:2');
    const at = async (settings: { host?: string; context?: string }, env: Record<string, string>) =>
      (await resolveEndpoint({ ...settings, env: { HOME: home, ...env } })).address;
    expect(await at({}, {})).toBe('unix:///var/run/docker.sock');
    await writeConfig({ currentContext: 'current' });
    const all = { DOCKER_HOST: 'tcp://host:3', DOCKER_CONTEXT: 'named' };
    expect(await at({}, {})).toBe('tcp://current:1');
    expect(await at({}, { DOCKER_CONTEXT: 'named' })).toBe('tcp://named:2');
    expect(await at({}, { DOCKER_CONTEXT: 'default' })).toBe('unix:///var/run/docker.sock');
    expect(await at({}, all)).toBe('tcp://host:3');
    expect(await at({ context: 'named' }, all)).toBe('tcp://named:2');
    expect(await at({ host: 'tcp://given:4', context: 'named' }, all)).toBe('tcp://given:4');
  });

  test('of a context has the certificates of that context', async () => {
    await writeContext('secure', 'tcp://secure:2376', { 'ca.pem': 'the authority', 'key.pem': 'the key' });
    expect(await resolveEndpoint({ context: 'secure', env: { HOME: home } })).toEqual({
      kind: 'tcp',
      address: 'tcp://secure:2376',
      host: 'secure',
      port: 2376,
      tls: { ca: 'the authority', cert: undefined, key: 'the key', verify: true },
    });
  });

  test('of DOCKER_HOST is verified when DOCKER_TLS_VERIFY is set, also without certificates', async () => {
    const env = { HOME: home, DOCKER_HOST: 'tcp://secure', DOCKER_TLS_VERIFY: '1' };
    expect(await resolveEndpoint({ env })).toMatchObject({ port: 2376, tls: { verify: true, ca: undefined } });
  });

  test('of a context that is not there, or a broken file, is an error that names it', async () => {
    await expect(resolveEndpoint({ context: 'gone', env: { HOME: home } })).rejects.toThrow('no Docker context "gone"');
    await mkdir(join(home, '.docker'));
    await writeFile(join(home, '.docker', 'config.json'), '{');
    await expect(resolveEndpoint({ env: { HOME: home } })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('does not show what is in a configuration that is no JSON: it may be a secret', async () => {
    await mkdir(join(home, '.docker'));
    await writeFile(join(home, '.docker', 'config.json'), 'hunter2');
    const failure = await failureOfAsync(() => resolveEndpoint({ env: { HOME: home } }));
    expect(failure.hint).toContain('DOCKER_CONFIG');
    expect(`${failure.message} ${String(failure.cause)}`).not.toContain('hunter2');
  });

  describe.each(['config.json', 'ca.pem'])('is not looked for in a %s', (name) => {
    test.each(NO_FILE)('that is %s', async (_, put) => {
      await put(join(home, name));
      const env = { DOCKER_CONFIG: home, ...(name === 'ca.pem' && { DOCKER_HOST: 'tcp://h', DOCKER_TLS_VERIFY: '1' }) };
      const failure = await failureOfAsync(() => resolveEndpoint({ env }));
      expect(failure).toMatchObject({
        name: 'UsageError',
        code: 'CONFIG_INVALID',
        details: { path: join(home, name) },
      });
      expect(failure.message).toContain(`cannot read ${join(home, name)}`);
      expect(failure.hint).toContain('DOCKER_CONFIG');
    });
  });

  test('is not looked for in a configuration that is larger than any could be', async () => {
    await writeFile(join(home, 'config.json'), ' '.repeat(2 * 1024 * 1024));
    const failure = await failureOfAsync(() => resolveEndpoint({ env: { DOCKER_CONFIG: home } }));
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID', cause: { code: 'TOO_LARGE' } });
  });

  test('is read from a host as DOCKER_HOST has it', () => {
    expect(endpointOf('unix:///run/x.sock', undefined)).toMatchObject({ kind: 'unix', socketPath: '/run/x.sock' });
    expect(endpointOf('tcp://[::1]:99', undefined)).toMatchObject({ host: '::1', port: 99, tls: undefined });
    expect(endpointOf('http://h', undefined)).toMatchObject({ host: 'h', port: 2375, tls: undefined });
    expect(endpointOf('https://h/', undefined)).toMatchObject({ port: 2376, tls: { verify: true } });
  });

  test.each([
    '',
    'unix://',
    'tcp://',
    'tcp://h:99999',
    'ftp://h',
    'tcp://user:pass@h:1',
    'tcp://h:1/path',
    'npipe://x',
  ])('is refused from the host %j with what to write', (host) => {
    expect(() => endpointOf(host, undefined)).toThrow(expect.objectContaining({ code: 'REFERENCE_INVALID' }));
  });

  test.each([
    'tcp://user:hunter2@h:1',
    'ssh://user:hunter2@h/x',
    'ssh://user:a@hunter2@h',
    'tcp://user:what?hunter2@h',
    'tcp://user:#hunter2@h',
    'https://h?token=hunter2',
    'tcp:/user:hunter2@h',
    'user:hunter2@h:1',
    'hunter2://x@h',
  ])('is refused from a host without showing what may be its password: %j', (host) => {
    const failure = failureOf(() => endpointOf(host, undefined));
    expect(failure).toMatchObject({ code: 'REFERENCE_INVALID' });
    expect(JSON.stringify([failure.message, failure, String(failure.stack)])).not.toContain('hunter2');
  });

  test('is refused from a host that holds none with its words', () => {
    expect(failureOf(() => endpointOf('npipe://x', undefined)).message).toBe('not a Docker host: "npipe://x"');
  });

  test('has a socket whose path an address can hold', () => {
    const path = (bytes: number): string => `/${'ü'.repeat((bytes - 2) / 2)}a`;
    expect(endpointOf(`unix://${path(106)}b`, undefined)).toMatchObject({ socketPath: `${path(106)}b` });
    const failure = failureOf(() => endpointOf(`unix://${path(108)}`, undefined));
    expect(failure).toMatchObject({ code: 'REFERENCE_INVALID', details: { size: 108 } });
    expect(failure).toMatchObject({ hint: expect.stringContaining('symbolic link') as string });
  });

  test('behind ssh has a socket on the other machine', () => {
    const address = 'ssh://me@box:2222/run/user/1000/podman/podman.sock';
    expect(endpointOf(address, undefined)).toEqual({
      kind: 'ssh',
      address,
      user: 'me',
      host: 'box',
      port: 2222,
      socketPath: '/run/user/1000/podman/podman.sock',
    });
    const plain = { user: undefined, port: undefined, socketPath: '/var/run/docker.sock' };
    expect(endpointOf('ssh://box', undefined)).toMatchObject({ host: 'box', ...plain });
    expect(endpointOf('ssh://[::1]/', undefined)).toMatchObject({ host: '::1', ...plain });
  });

  test.each([
    'ssh://',
    'ssh://-oProxyCommand=x',
    'ssh://me:secret@box',
    'ssh://-l@box',
    'ssh://box:99999',
    'ssh://box/a:b',
  ])('behind ssh is refused from %j, which ssh could take for something else', (host) => {
    expect(() => endpointOf(host, undefined)).toThrow(expect.objectContaining({ code: 'REFERENCE_INVALID' }));
  });
});
