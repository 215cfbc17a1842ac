import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../../src/config/read-config.ts';
import { failureOfAsync } from '../core/failure.ts';
import { NO_FILE } from '../disk/no-file.ts';
import { projectFolder } from './project-folder.ts';

const smallest = { tool: 'sandbox-tools', targets: ['amd64-any', 'arm64'] };
const text = JSON.stringify(smallest);

describe('reading a configuration', () => {
  test('makes every path absolute, from its folder, and fills in every default', async () => {
    const folder = await projectFolder({ 'toolcrib.json': text });
    expect(await readConfig(join(folder, 'toolcrib.json'))).toEqual({
      file: join(folder, 'toolcrib.json'),
      folder,
      tool: 'sandbox-tools',
      versionFile: join(folder, 'tool-version.txt'),
      sumsFile: join(folder, 'SHA256SUMS'),
      binaries: join(folder, 'binaries'),
      sources: [],
      baseBranch: 'main',
      targets: [
        { arch: 'amd64', libc: 'any' },
        { arch: 'arm64', libc: 'glibc' },
      ],
      build: undefined,
      stores: [],
      rewrite: [],
      attestation: {
        require: false,
        publicKeys: [],
        identities: [],
        source: {},
        trustedRoot: undefined,
        trustedRootDigest: undefined,
      },
      entrypoint: ['bin/sandbox-tools'],
      healthcheck: ['healthcheck'],
      install: ['/var/lib/toolcrib', '/opt/toolcrib', '/tmp/toolcrib'],
      images: [],
      cache: {},
    });
  });

  test('takes the paths that it names from its folder, wherever the process stands', async () => {
    const config = {
      ...smallest,
      versionFile: 'release/version.txt',
      sumsFile: '../SHA256SUMS',
      binaries: '/srv/binaries',
      build: { driver: 'bun', entry: 'src/main.ts' },
      stores: ['file:store', 'file:/srv/store'],
    };
    const folder = await projectFolder({ 'a/toolcrib.json': JSON.stringify(config) });
    expect(await readConfig(join(folder, 'a', 'toolcrib.json'))).toMatchObject({
      folder: join(folder, 'a'),
      versionFile: join(folder, 'a/release/version.txt'),
      sumsFile: join(folder, 'SHA256SUMS'),
      binaries: '/srv/binaries',
      build: { driver: 'bun', entry: join(folder, 'a/src/main.ts') },
      stores: [{ directory: join(folder, 'a/store') }, { directory: '/srv/store' }],
    });
  });

  test('takes the keys and the trusted root of an attestation policy from its folder', async () => {
    const attestation = { require: true, publicKeys: ['keys/a.pem', '/etc/b.pem'], trustedRoot: 'root.json' };
    const folder = await projectFolder({ 'toolcrib.json': JSON.stringify({ ...smallest, attestation }) });
    expect((await readConfig(join(folder, 'toolcrib.json'))).attestation).toEqual({
      require: true,
      publicKeys: [join(folder, 'keys/a.pem'), '/etc/b.pem'],
      identities: [],
      source: {},
      trustedRoot: join(folder, 'root.json'),
      trustedRootDigest: undefined,
    });
  });

  test('refuses a policy that requires attestations of nobody', async () => {
    const attestation = { require: true, trustedRoot: 'root.json' };
    const folder = await projectFolder({ 'toolcrib.json': JSON.stringify({ ...smallest, attestation }) });
    const error = await failureOfAsync(() => readConfig(join(folder, 'toolcrib.json')));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('requires attestations and trusts nobody');
    expect(error.hint).toContain('"publicKeys" or "identities"');
  });

  test('leaves a build command as it was written', async () => {
    const build = { driver: 'command', command: './build.sh "$TOOLCRIB_OUTPUT"' };
    const folder = await projectFolder({ 'toolcrib.json': JSON.stringify({ ...smallest, build }) });
    expect((await readConfig(join(folder, 'toolcrib.json'))).build).toEqual(build);
  });

  test('says when there is none, and how to get one', async () => {
    const folder = await projectFolder();
    const error = await failureOfAsync(() => readConfig(join(folder, 'toolcrib.json')));
    expect(error.code).toBe('NOT_FOUND');
    expect(error.message).toContain(join(folder, 'toolcrib.json'));
    expect(error.hint).toContain('toolcrib init');
  });

  test.each(NO_FILE)('says that it cannot be read when it is %s', async (_, put) => {
    const folder = await projectFolder();
    await put(join(folder, 'toolcrib.json'));
    const error = await failureOfAsync(() => readConfig(join(folder, 'toolcrib.json')));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(`cannot read ${join(folder, 'toolcrib.json')}`);
    expect(error.hint).toContain('name another with --config');
  });
});
