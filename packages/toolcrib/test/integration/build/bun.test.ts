import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BuiltArtifact } from '../../../src/build/artifact.ts';
import { DEBIAN_LIBC } from '../../../src/build/debian-libc.ts';
import { fetchRuntime } from '../../../src/build/toolchain.ts';
import { parseArtifactDescriptor } from '../../../src/core/artifact-descriptor.ts';
import { archFrom } from '../../../src/core/target.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { membersOf } from '../../unit/tar/bytes.ts';
import { gunzipSync } from 'node:zlib';
import { docker, dockerAvailable, DOCKER, startContainer, type TestImage } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { build, programsMissing, projectAt, REPOSITORY, run, TOOLCHAIN, unpack } from './samples.ts';

const missing =
  (await programsMissing('apt-get', 'dpkg-deb', 'npm', 'unshare')) ??
  (await dockerAvailable('toolcrib-test/busybox', 'toolcrib-test/arm64'));
const host = archFrom(process.arch) ?? 'amd64';

describe('the bun driver', requireOrSkip(missing), () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'toolcrib-build-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  describe.each(['amd64', 'arm64'] as const)('builds the tool that ships for %s-any', (arch) => {
    let built: BuiltArtifact;
    beforeAll(async () => {
      const sources = join(REPOSITORY, 'packages/sandbox-tools');
      const config = projectAt(sources, 'sandbox-tools', join(sources, 'src/main.ts'));
      built = await build(config, `${arch}-any`, join(folder, arch));
    });

    test('as a tree with nothing but root, 0755 and 0644 in it', async () => {
      expect(built).toMatchObject({
        name: `sandbox-tools-${arch}-any-v7`,
        glibcFloor: null,
        mediaType: 'application/gzip',
      });
      expect(await readdir(join(folder, arch))).toEqual([built.name]);
      const limits = { maxEntries: 100, maxEntryBytes: 2e8, maxTotalBytes: 2e8 };
      const members = await membersOf(gunzipSync(await readFile(built.path)), limits);
      const executable = members.filter(({ kind, mode }) => kind === 'file' && mode === 0o755).map(({ path }) => path);
      const loader = arch === 'amd64' ? 'lib/ld-linux-x86-64.so.2' : 'lib/ld-linux-aarch64.so.1';
      expect(executable).toEqual(['bin/sandbox-tools', loader]);
      expect(members.every(({ kind, mode }) => mode === (kind === 'directory' ? 0o755 : mode & 0o755))).toBe(true);
      const text = members.find(({ path }) => path === 'toolcrib-artifact.json')?.content.toString() ?? '';
      expect(parseArtifactDescriptor(text, 'descriptor').entrypoint).toEqual([
        loader,
        '--inhibit-cache',
        '--library-path',
        'lib',
        'bin/sandbox-tools',
      ]);
      expect(members.map(({ path }) => path)).toEqual(
        expect.arrayContaining([
          'licenses/glibc/LGPL-2.1',
          'licenses/glibc/NOTICE',
          'licenses/glibc/copyright',
          'sources.json',
        ]),
      );
    });

    test('that runs in a container without any library, and preloads nothing of it', async () => {
      const image: TestImage = arch === host ? 'toolcrib-test/busybox' : 'toolcrib-test/arm64';
      await using container = await startContainer({ image });
      await docker('exec', container.name, 'mkdir', '-p', '/opt/t');
      await run('sh', ['-c', `"$0" exec -i "$1" tar -xzf - -C /opt/t < "$2"`, DOCKER, container.name, built.path]);
      const loader = arch === 'amd64' ? 'ld-linux-x86-64.so.2' : 'ld-linux-aarch64.so.1';
      // Debian's loader would complain of a file that it cannot preload; a carried one does not even look.
      const hostile = 'echo /planted.so > /etc/ld.so.preload; exec "$@" 2>&1';
      const answer = await docker(
        ...['exec', container.name, 'sh', '-c', hostile, 'sh'],
        ...[`/opt/t/lib/${loader}`, '--inhibit-cache', '--library-path', '/opt/t/lib'],
        ...['/opt/t/bin/sandbox-tools', 'healthcheck', '--nonce', 'n123'],
      );
      expect(JSON.parse(answer)).toMatchObject({
        tool: 'sandbox-tools',
        version: 7,
        target: `${arch}-any`,
        nonce: 'n123',
      });
    });
  });

  test('gives the same bytes in another folder, without a network, and ignores the files beside', async () => {
    const first = await project('first');
    const second = await project('second/deeper');
    await writeFile(join(second, '.env'), 'SECRET=changed\n');
    const one = await build(projectAt(first, 'echo', join(first, 'main.ts')), `${host}-any`, join(first, 'out'));
    await run('unshare', ['-n', process.execPath, '--input-type=module', '-e', buildScript(second)]);
    expect(await readFile(join(second, 'out', one.name))).toEqual(await readFile(one.path));
    await unpack(one.path, join(first, 'tree'));
    expect(await loaded(join(first, 'tree'), 'echo', second)).toBe(`7 ${host}-any undefined production greeting\n`);
  });

  test('makes an executable that names the glibc it needs, and one for musl', async () => {
    const sources = await project('bare');
    const config = projectAt(sources, 'echo', join(sources, 'main.ts'));
    const glibc = await build(config, host, join(sources, 'out'));
    expect(glibc).toMatchObject({ glibcFloor: '2.17', mediaType: 'application/x-executable' });
    expect((await run(glibc.path, [], { env: {} })).stdout).toBe(`7 ${host} undefined production greeting\n`);
    expect(await build(config, `${host}-musl`, join(sources, 'out'))).toMatchObject({ glibcFloor: null });
  });

  test('tells the words of the compiler when the sources are wrong, and leaves nothing', async () => {
    const sources = await project('wrong');
    await writeFile(join(sources, 'main.ts'), "import './not-there.ts';\n");
    const building = build(projectAt(sources, 'echo', join(sources, 'main.ts')), host, join(sources, 'out'));
    const error: unknown = await building.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'BUILD_FAILED' });
    expect(String(error)).toContain('not-there.ts');
    expect(await readdir(join(sources, 'out'))).toEqual([]);
  });

  test('tells which versions of glibc Debian offers when the pinned one is gone', async () => {
    const sources = await project('gone');
    const pin = { ...DEBIAN_LIBC.arm64, version: '2.36-9+deb12u999', digest: `sha256:${'0'.repeat(64)}` as const };
    const building = build(projectAt(sources, 'echo', join(sources, 'main.ts')), 'arm64-any', join(sources, 'out'), {
      libcPackages: { amd64: pin, arm64: pin },
    });
    const error: unknown = await building.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'NOT_FOUND' });
    expect(String(error)).toMatch(/do not offer libc6 2\.36-9\+deb12u999 for arm64; they offer: 2\.36-9/);
  });

  test('refuses a compiler that is not the pinned one', async () => {
    const cache = join(folder, 'cache');
    const toolchain = {
      cache,
      folder,
      env: process.env,
      reporter: silentReporter,
      offline: false,
      signal: AbortSignal.timeout(60_000),
    };
    const integrity = 'sha512-AAAA' as const;
    const runtime = { package: 'wrappy', version: '1.0.2', integrity, executable: DEBIAN_LIBC.amd64.digest };
    await expect(fetchRuntime(toolchain, runtime)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await readdir(cache)).toEqual([]);
  });

  async function project(name: string): Promise<string> {
    const sources = join(folder, name);
    await mkdir(join(sources, 'out'), { recursive: true });
    await writeFile(join(sources, 'words.ts'), "export const word: string = 'greeting';\n");
    await writeFile(
      join(sources, 'main.ts'),
      `import { word } from './words.ts';
declare const __TOOLCRIB_VERSION__: number;
declare const __TOOLCRIB_TARGET__: string;
console.log(__TOOLCRIB_VERSION__, __TOOLCRIB_TARGET__, process.env.SECRET, process.env.NODE_ENV, word);
`,
    );
    return sources;
  }

  function buildScript(sources: string): string {
    const samples = JSON.stringify(join(import.meta.dirname, 'samples.ts'));
    const [at, entry, out] = ['', 'main.ts', 'out'].map((name) => JSON.stringify(join(sources, name)));
    return `const { build, projectAt } = await import(${samples});
await build(projectAt(${at}, 'echo', ${entry}), '${host}-any', ${out});`;
  }

  async function loaded(tree: string, tool: string, cwd: string): Promise<string> {
    const loader = (await readdir(join(tree, 'lib'))).find((name) => name.startsWith('ld-')) ?? '';
    const args = ['--inhibit-cache', '--library-path', join(tree, 'lib'), join(tree, 'bin', tool)];
    return (await run(join(tree, 'lib', loader), args, { cwd, env: {} })).stdout;
  }

  test('keeps its downloads under their digests', async () => {
    expect((await readdir(TOOLCHAIN)).filter((name) => !/-[0-9a-f]{12}$/.test(name))).toEqual([]);
  });
});
