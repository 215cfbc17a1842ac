import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { docker, dockerAvailable, startContainer, type Container } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { documentOf } from '../cli/command-line.ts';
import { programsMissing } from '../build/samples.ts';
import { commandSite, type CommandSite } from './sandbox-site.ts';
import { sandboxToolsProject, type SandboxToolsProject } from './sandbox-tools.ts';

const missing =
  (await programsMissing('apt-get', 'dpkg-deb', 'npm')) ??
  (await dockerAvailable(
    'toolcrib-test/busybox',
    'toolcrib-test/static',
    'toolcrib-test/debian',
    'toolcrib-test/arm64',
  ));

describe('the tool that ships, from its source into a container', requireOrSkip(missing), () => {
  let tools: SandboxToolsProject;
  let site: CommandSite;
  beforeAll(async () => {
    tools = await sandboxToolsProject();
    site = await commandSite(tools.folder);
  });
  afterAll(() => site[Symbol.asyncDispose]());

  const answer = (target: string) => `{"tool":"sandbox-tools","version":${tools.version},"target":"${target}"}\n`;

  const mounted = { rung: 'overlay', protection: 'read-only-mount', readBack: 'host' };
  const copied = { rung: 'namespace', protection: 'same-user', readBack: 'host' };
  test.each([
    ['toolcrib-test/busybox', [], mounted],
    ['toolcrib-test/static', [], mounted],
    ['toolcrib-test/debian', [], mounted],
    ['toolcrib-test/busybox', ['--copy'], copied],
    ['toolcrib-test/static', ['--copy'], copied],
    ['toolcrib-test/debian', ['--copy'], copied],
  ] as const)(
    'is injected into %s (%j) without a network, and runs there as root and as uid 1000',
    async (image, options, expected) => {
      await using container = await startContainer({ image });
      const sandbox = `docker:${container.name}`;
      const injected = await site.json('inject', sandbox, ...options);
      expect(injected).toMatchObject({ placement: { ...expected, reused: false } });
      expect(await site.run('exec', sandbox, '--', 'version')).toMatchObject({ code: 0, stdout: answer('amd64-any') });
      const nonce = ['healthcheck', '--nonce', 'abc'];
      const check = await site.run('exec', '--user', '1000', sandbox, '--', ...nonce);
      expect(documentOf(check)).toMatchObject({ nonce: 'abc', uid: 1000, ok: true });
      expect(await site.json('inject', sandbox)).toMatchObject({ placement: { reused: true } });
      expect(await site.run('cache', 'verify')).toMatchObject({ code: 0 });
    },
  );

  test('serves bash to the official MCP client, as the user of the container or the one that is named', async () => {
    await using container = await startContainer({
      image: 'toolcrib-test/busybox',
      args: ['--user', '1000:1000', '--workdir', '/home', '--env', 'GREETING=hello'],
    });
    const sandbox = `docker:${container.name}`;
    expect(await site.bash('id -u; pwd; echo $GREETING; uname -n', sandbox)).toContain(
      `1000\n/home\nhello\n${container.id.slice(0, 12)}`,
    );
    expect(await site.bash('id -u', '--user', '0', sandbox)).toContain('0');
    const { placement } = (await site.json('inject', sandbox)) as { placement: object };
    expect(placement).toMatchObject({ reused: true, protection: 'read-only-mount' });
    const copy = (await site.json('inject', '--copy', sandbox)) as { placement: object };
    expect(copy.placement).toMatchObject({ reused: false, protection: 'root-owned' });
    expect(await site.bash('id -u', sandbox)).toContain('1000');
  });

  test('is run as nobody else than the user of the container who may have changed it', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox', args: ['--user', '1000'] });
    const parents = '/var/lib/toolcrib /opt/toolcrib /tmp/toolcrib';
    await docker('exec', '--user', '0', container.name, 'sh', '-c', `mkdir -p ${parents}; chown 1000 ${parents}`);
    const sandbox = `docker:${container.name}`;
    const { placement } = (await site.json('inject', sandbox)) as { placement: object };
    expect(placement).toMatchObject({ protection: 'writable-parent' });
    const refused = await site.run('exec', '--user', '0', sandbox, '--', 'version');
    expect(refused).toMatchObject({ code: 125, stdout: '' });
    expect(refused.stderr).toContain('is not run as user "0": it is writable-parent there');
    expect(await site.run('mcp', '--user', 'root', sandbox)).toMatchObject({ code: 125, stdout: '' });
    expect(await site.run('exec', '--user', '1000', sandbox, '--', 'version')).toMatchObject({ code: 0 });
  });

  test('passes the exit code, the input and the time limit of what it runs on', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const sandbox = `docker:${container.name}`;
    expect(await site.run('exec', sandbox, '--', 'no-such-command')).toMatchObject({ code: 2, stdout: '' });
    expect(await site.run('exec', '--json', sandbox, '--', 'healthcheck')).toMatchObject({ code: 2 });
    const result = join(site.project, `../result-${container.id}.json`);
    expect(await site.run('exec', '--result', result, sandbox, '--', 'version')).toMatchObject({ code: 0 });
    expect(JSON.parse(await readFile(result, 'utf8'))).toMatchObject({ code: 0, placement: { reused: true } });
    await rm(result);
  });

  test('runs in an arm64 container', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/arm64' });
    const sandbox = `docker:${container.name}`;
    expect(await site.json('inject', sandbox)).toMatchObject({ placement: { target: 'arm64-any' } });
    expect(await site.run('exec', sandbox, '--', 'version')).toMatchObject({ code: 0, stdout: answer('arm64-any') });
    expect(await site.bash('uname -m', sandbox)).toContain('aarch64');
  });

  test('runs in a local sandbox', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'toolcrib-local-'));
    try {
      expect(await site.json('inject', `local:${folder}`)).toMatchObject({ placement: { protection: 'same-user' } });
      expect(await site.run('exec', `local:${folder}`, '--', 'version')).toMatchObject({ stdout: answer('amd64-any') });
      expect(await site.bash('echo $((6 * 7))', `local:${folder}`)).toContain('42');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('is recorded when it is run under toolcrib run', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const folder = await mkdtemp(join(tmpdir(), 'toolcrib-recorded-'));
    try {
      const archive = join(folder, 'run.tar.gz');
      const command = ['docker', 'exec', container.name, 'sh', '-c', 'exit 5'];
      expect(await site.run('run', '-o', archive, '--', ...command)).toMatchObject({ code: 5 });
      expect(await site.json('archive', 'verify', archive)).toMatchObject({ accepted: true });
      expect(await site.json('archive', 'show', archive)).toMatchObject({ summary: { command, exitCode: 5 } });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('prints no end of its own over the streams of what it runs', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const end = await site.run('exec', '--quiet', `docker:${container.name}`, '--', 'version');
    expect(end).toMatchObject({ code: 0, stdout: answer('amd64-any'), stderr: '' });
  });

  describe('in a container that an agent as root prepared', () => {
    let host: string;
    let container: Container;
    let sandbox: string;
    beforeAll(async () => {
      host = await mkdtemp(join(tmpdir(), 'toolcrib-host-'));
      const planted = {
        LD_PRELOAD: '/evil.so',
        BUN_OPTIONS: '--preload /site/evil.js',
        BUN_BE_BUN: '1',
        NODE_OPTIONS: '--require /site/evil.js',
        PROJECT: 'the image says so',
      };
      container = await startContainer({
        image: 'toolcrib-test/busybox',
        args: [
          ...Object.entries(planted).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
          ...['--workdir', '/site', '--volume', `${host}:/mnt/host`, '--tmpfs', '/opt/toolcrib'],
        ],
      });
      sandbox = `docker:${container.name}`;
      const prepare = [
        'echo "require(\\"fs\\").writeFileSync(\\"/ran\\", \\"\\")" > /site/evil.js',
        'echo "preload = [\\"/site/evil.js\\"]" > /site/bunfig.toml',
        'echo "BUN_OPTIONS=--preload /site/evil.js" > /site/.env',
        'echo /evil.so > /etc/ld.so.preload',
        'mkdir -p /var/lib && ln -s /mnt/host /var/lib/toolcrib',
        'mkdir -p /tmp/toolcrib && chown 1000 /tmp/toolcrib && echo forged > /tmp/toolcrib/placement.json',
      ];
      await docker('exec', container.name, '/bin/sh', '-c', prepare.join(' && '));
    });
    afterAll(async () => {
      await container[Symbol.asyncDispose]();
      await rm(host, { recursive: true });
    });

    test('nothing of it runs inside the tool, nothing is written outside, and the protection is stated', async () => {
      const injected = await site.json('inject', sandbox);
      expect(injected).toMatchObject({ placement: { reused: false, protection: 'writable-parent' } });
      expect(injected).toMatchObject({
        placement: { why: expect.stringContaining('holds at placement only') as unknown },
      });
      const end = await site.run('exec', sandbox, '--', 'version');
      expect(end).toMatchObject({ code: 0, stdout: answer('amd64-any'), stderr: '' });
      await expect(docker('exec', container.name, '/bin/ls', '/ran')).rejects.toThrow('No such file');
      expect(await readdir(host)).toEqual([]);
    });

    test('its own environment comes back to the commands of the agent', async () => {
      const said = await site.bash('echo $PROJECT; echo $BUN_BE_BUN; pwd', sandbox);
      expect(said).toContain('the image says so\n1\n/site');
    });
  });

  test('is refused where every directory is a link or of the host: exit 8 with the plan', async () => {
    const host = await mkdtemp(join(tmpdir(), 'toolcrib-host-'));
    const parents = ['/var/lib/toolcrib', '/opt/toolcrib', '/tmp/toolcrib'];
    const args = parents.flatMap((parent) => ['--volume', `${host}:${parent}`]);
    try {
      await using container = await startContainer({ image: 'toolcrib-test/busybox', args });
      const end = await site.run('--json', 'inject', `docker:${container.name}`);
      expect(end.code).toBe(8);
      const message: unknown = expect.stringContaining('/opt/toolcrib is a directory of the host');
      expect(documentOf(end)).toMatchObject({ error: { code: 'NOT_INJECTABLE', message } });
      expect(await readdir(host)).toEqual([]);
    } finally {
      await rm(host, { recursive: true });
    }
  });

  test('is not found in a container that is not there (3), and not in one that has stopped (8)', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    await docker('kill', container.name);
    const [none, stopped, wrapped] = [
      await site.run('inject', 'docker:no-such-container'),
      await site.run('inject', `docker:${container.name}`),
      await site.run('exec', 'docker:no-such-container', '--', 'version'),
    ];
    expect(none).toMatchObject({ code: 3, stdout: '' });
    expect(none.stderr).toContain('docker:no-such-container');
    expect(stopped.code).toBe(8);
    expect(wrapped.code).toBe(125);
  });

  describe('as a project that has other artifacts', () => {
    let folder: string;
    let other: CommandSite;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'toolcrib-other-'));
      other = await commandSite(folder);
    });
    afterAll(async () => {
      await other[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    });

    /** A project whose artifacts are those of the tool that ships. */
    async function project(targets: readonly string[], version: number): Promise<void> {
      await cp(join(tools.folder, 'SHA256SUMS'), join(folder, 'SHA256SUMS'));
      await symlink(join(tools.folder, 'binaries'), join(folder, 'binaries')).catch(() => undefined);
      await writeFile(join(folder, 'toolcrib.json'), JSON.stringify({ tool: 'sandbox-tools', targets }));
      await writeFile(join(folder, 'tool-version.txt'), `${version}\n`);
    }

    test('none of which fits the architecture, exits with 8 before a byte is sent, saying which there are', async () => {
      await project(['arm64-any'], tools.version);
      await using container = await startContainer({ image: 'toolcrib-test/busybox' });
      const end = await other.run('inject', `docker:${container.name}`);
      expect(end.code).toBe(8);
      expect(end.stderr).toContain('arm64-any');
      expect(await docker('diff', container.name)).toBe('');
    });

    test('pinned under another version, exits with 4: the artifact says itself which it is', async () => {
      await project(['amd64-any'], tools.version + 1);
      const sums = await readFile(join(tools.folder, 'SHA256SUMS'), 'utf8');
      const [digest = ''] = sums.split(' ');
      const name = `sandbox-tools-amd64-any-v${tools.version + 1}`;
      await writeFile(join(folder, 'SHA256SUMS'), `${digest}  ${name}\n`);
      await rm(join(folder, 'binaries'), { force: true });
      await cp(
        join(tools.folder, `binaries/sandbox-tools-amd64-any-v${tools.version}`),
        join(folder, 'binaries', name),
      );
      await using container = await startContainer({ image: 'toolcrib-test/busybox' });
      const end = await other.run('--json', 'inject', `docker:${container.name}`);
      expect(end.code).toBe(4);
      expect(documentOf(end)).toMatchObject({ error: { code: 'VERSION_MISMATCH' } });
      expect(await docker('diff', container.name)).toBe('');
    });
  });
});
