import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programsMissing, REPOSITORY } from '../integration/build/samples.ts';
import { testedBlock } from '../integration/docs/markdown.ts';
import { docker, dockerAvailable, startContainer } from '../servers/docker.ts';
import { requireOrSkip } from '../servers/require.ts';
import { installPackage, projectBeside, sizeWithoutArtifact, type InstalledPackage } from './installed-package.ts';

const missing =
  (await programsMissing('apt-get', 'dpkg-deb', 'npm')) ??
  (await dockerAvailable('toolcrib-test/busybox', 'toolcrib-test/static'));
const readme = await readFile(join(REPOSITORY, 'README.md'), 'utf8');

describe('the packed package, installed with npm into an empty folder', requireOrSkip(missing), () => {
  let installed: InstalledPackage;
  beforeAll(async () => {
    installed = await installPackage();
  });
  afterAll(() => installed[Symbol.asyncDispose]());

  test('starts with npx and tells its version', async () => {
    const manifest: unknown = JSON.parse(await readFile(join(REPOSITORY, 'packages/toolcrib/package.json'), 'utf8'));
    const { stdout } = await installed.shell('npx --no-install toolcrib --version');
    expect(manifest).toMatchObject({ version: stdout.trim() });
  });

  test('takes less than 40 MB without the artifact, and brings no other package', async () => {
    expect(await sizeWithoutArtifact(join(installed.folder, 'node_modules'))).toBeLessThan(40e6);
    const { stdout } = await installed.shell('ls node_modules');
    expect(stdout).toMatch(/^sandbox-tools-linux-(?<cpu>x64|arm64)\ntoolcrib\ntracer-linux-\k<cpu>\n$/);
  });

  test('does what the quick start of the README says, without a configuration', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const [, ...commands] = testedBlock(readme, 'quick start').split('\n');
    expect(testedBlock(readme, 'quick start')).toMatch(
      /^docker run -d --name web --network none toolcrib-test\/busybox /,
    );
    const { stdout } = await installed.shell(commands.join('\n').replaceAll('docker:web', `docker:${container.name}`));
    expect(stdout).toContain(`is in docker:${container.name}`);
    expect(stdout).toContain('artifact from the tier "bundled"');
    expect(stdout).toMatch(/^\{"tool":"sandbox-tools","version":\d+,"target":"\w+-any"\}$/m);
    expect(stdout).toMatch(/^sandbox +docker:/m);
    expect(stdout).toContain('1 x /tmp/listed'); // as the tracer that is in the package saw it
    await installed.shell('toolcrib archive verify run.tar.gz; rm run.tar.gz');
  });

  test('serves bash to the official MCP client', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox', args: ['--user', '1000'] });
    const client = new Client({ name: 'test', version: '1' });
    const command = join(installed.folder, 'node_modules/.bin/toolcrib');
    const server = { command, args: ['mcp', `docker:${container.name}`], cwd: installed.folder };
    await client.connect(new StdioClientTransport({ ...server, env: { ...installed.env }, stderr: 'ignore' }));
    try {
      const answer = await client.callTool({ name: 'bash', arguments: { command: 'id -u' } });
      expect(JSON.stringify(answer)).toContain('1000');
    } finally {
      await client.close();
    }
  });

  test('refuses an artifact of the platform package that was changed: exit 4', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    const script = [
      'file=$(echo node_modules/sandbox-tools-linux-*/sandbox-tools-*-v*)',
      'cp "$file" saved; echo x >> "$file"; code=0',
      `TOOLCRIB_CACHE_DIR=$PWD/other toolcrib --json inject docker:${container.name} || code=$?`,
      'mv saved "$file"; echo "exit $code"',
    ];
    const { stdout } = await installed.shell(script.join('\n'));
    expect(stdout).toContain('"code":"DIGEST_MISMATCH"');
    expect(stdout).toMatch(/exit 4\n$/);
    expect(await docker('diff', container.name)).toBe('');
  });

  test('brings the helper that enters the mount namespace of a container without a program in it', async () => {
    const args = ['--read-only', '--tmpfs', '/opt:exec', '--user', '1000'];
    await using container = await startContainer({ image: 'toolcrib-test/static', args });
    const inject = async (options: string) => {
      const { stdout } = await installed.shell(`toolcrib --json inject ${options} docker:${container.name}`);
      return JSON.parse(stdout) as { placement: unknown };
    };
    expect(await inject('')).toMatchObject({ placement: { rung: 'overlay', protection: 'read-only-mount' } });
    expect(await inject('--copy')).toMatchObject({
      placement: { rung: 'namespace', readBack: 'host', protection: 'root-owned' },
    });
    const { stdout: helpers } = await installed.shell('cd node_modules/toolcrib/native && stat -c "%A %n" *');
    expect(helpers).toBe('-rwxr-xr-x namespace-helper-arm64\n-rwxr-xr-x namespace-helper-x64\n');
  });

  test('runs on Node 22 as well, without a warning', async () => {
    const cli = 'node_modules/.bin/toolcrib';
    expect(await installed.node('22', '--version')).toMatch(/^v22\./);
    expect(await installed.node('22', cli, '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
    await using container = await startContainer({ image: 'toolcrib-test/busybox' });
    expect(await installed.node('22', cli, 'exec', '--quiet', `docker:${container.name}`, '--', 'version')).toMatch(
      /^\{"tool":"sandbox-tools"/,
    );
    const record = ['run', '-o', 'run22.tar.gz', '--', 'echo', 'recorded'];
    expect(await installed.node('22', cli, ...record)).toBe('recorded\n');
  });

  describe('as a library', () => {
    beforeAll(() => projectBeside(installed));

    test('does what the TypeScript example of the README says', async () => {
      await using container = await startContainer({ image: 'toolcrib-test/busybox' });
      const example = testedBlock(readme, 'library').replaceAll('docker:web', `docker:${container.name}`);
      await writeFile(join(installed.folder, 'example.ts'), example);
      const said = await installed.node('24', 'example.ts');
      expect(said).toMatch(/-amd64-any-v\d+ is sha256:[0-9a-f]{64}, from the bundled tier\n/);
      expect(said).toMatch(/\/sandbox-tools-v\d+-[0-9a-f]{12}-[0-9a-f]{16}, protection: read-only-mount\n$/);
      await installed.shell('cd store && sha256sum -c sandbox-tools-v*.SHA256SUMS');
    });

    test('brings types that a strict consumer can use, all of them checked', async () => {
      const consumer = `${testedBlock(readme, 'library')}
        import { UsageError, type Host, type Placement, type Project, type Resolution, type Store } from 'toolcrib';
        export const opened: Promise<Project> = openProject(host, { config: 'toolcrib.json' });
        export const protection: Placement['protection'] = placement.protection;
        export function tierOf(resolution: Resolution, _host: Host, _store: Store): string { return resolution.tier; }
        // @ts-expect-error a code is one of a closed list
        export const wrong: UsageError['code'] = 'SOMETHING_ELSE';
      `;
      await writeFile(join(installed.folder, 'consumer.mts'), consumer);
      const options = { strict: true, skipLibCheck: false, noEmit: true, module: 'nodenext', target: 'es2024' };
      const types = { typeRoots: [join(REPOSITORY, 'node_modules/@types')], types: ['node'] };
      const config = { compilerOptions: { ...options, ...types }, files: ['consumer.mts'] };
      await writeFile(join(installed.folder, 'tsconfig.json'), JSON.stringify(config));
      const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
      const said = await installed.node('24', tsc, '--project', '.').catch((error: unknown) => error);
      expect(said).toBe('');
    });
  });
});
