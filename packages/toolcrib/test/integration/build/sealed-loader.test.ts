import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { carriedLibraries } from '../../../src/build/carried-libraries.ts';
import { DEBIAN_LIBC } from '../../../src/build/debian-libc.ts';
import { fetchDebianPackage, readDebianPackage } from '../../../src/build/debian-package.ts';
import { LOADERS, TRIPLETS } from '../../../src/build/sealed-loader.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { archFrom } from '../../../src/core/target.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { build, programsMissing, projectAt, REPOSITORY, run, TOOLCHAIN, unpack } from './samples.ts';

const missing = await programsMissing('apt-get', 'dpkg-deb', 'gcc', 'strace', 'unshare');
const arch = archFrom(process.arch) ?? 'amd64';
const triplet = TRIPLETS[arch];
const toolchain = {
  cache: TOOLCHAIN,
  folder: REPOSITORY,
  env: process.env,
  reporter: silentReporter,
  signal: AbortSignal.timeout(600_000),
  offline: false,
};

/** Whoever loads it says so. */
const PLANTED = `#include <unistd.h>
__attribute__((constructor)) static void loaded(void) { (void)!write(1, "PLANTED\\n", 8); }
void gconv(void) {} void gconv_init(void) {}
`;

/** Asks glibc for everything that makes it load code. */
const PROBE = `#include <dlfcn.h>
#include <iconv.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
int main(void) {
  struct addrinfo *found;
  setvbuf(stdout, 0, _IONBF, 0);
  printf("dlopen %s\\n", dlopen("libplanted.so", RTLD_NOW) ? "loaded" : "refused");
  printf("dlopen %s\\n", dlopen("libgcc_s.so.1", RTLD_NOW) ? "loaded" : "refused");
  printf("nss %s\\n", getpwnam("nobody-of-that-name") ? "found" : "not found");
  printf("addr %d\\n", getaddrinfo("host.invalid", "80", 0, &found) != 0);
  printf("iconv %s\\n", iconv_open("SHIFT_JIS", "UTF-8") == (iconv_t)-1 ? "refused" : "loaded");
  return 0;
}
`;

describe('the carried loader in a hostile sandbox', requireOrSkip(missing), () => {
  let folder: string;
  let root: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'toolcrib-hostile-'));
    root = join(folder, 'root');
    await plant();
    const sources = join(REPOSITORY, 'packages/sandbox-tools');
    const config = projectAt(sources, 'sandbox-tools', join(sources, 'src/main.ts'));
    await unpack((await build(config, `${arch}-any`, join(folder, 'out'))).path, join(root, 'opt/t'));
    await writeFile(join(folder, 'probe.c'), PROBE);
    await run('gcc', ['-o', join(root, 'opt/t/bin/probe'), join(folder, 'probe.c')]);
    await cp(join(root, 'opt/t'), join(root, 'opt/unsealed'), { recursive: true });
    await unseal(join(root, 'opt/unsealed/lib'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('loads no code but its own, whatever glibc is asked for', async () => {
    const { stdout, opened } = await inSandbox('/opt/t', 'probe');
    expect(stdout).toBe('dlopen refused\ndlopen refused\nnss not found\naddr 1\niconv refused\n');
    expect(opened.filter((path) => !/^\/(?:opt\/t|proc|sys)\//.test(path)).sort()).toEqual([
      '/',
      '/',
      '/etc/nsswitch.conf',
    ]);
  });

  test('would load planted code if it were not sealed', async () => {
    const { stdout } = await inSandbox('/opt/unsealed', 'probe');
    expect(stdout.match(/PLANTED/g)?.length).toBeGreaterThan(3);
  });

  test('starts the tool, which opens nothing of the sandbox but its time zone', async () => {
    const { stdout, opened } = await inSandbox('/opt/t', 'sandbox-tools', 'healthcheck', '--nonce', 'n1');
    expect(JSON.parse(stdout)).toMatchObject({ nonce: 'n1', ok: true });
    expect(opened.filter((path) => !/^\/(?:opt\/t|proc|sys)\//.test(path))).toEqual(['/etc/localtime']);
  });

  test('is changed in nothing but the strings that the notice names', async () => {
    const { entries } = await carriedLibraries(toolchain, DEBIAN_LIBC[arch], arch, ['libm.so.6']);
    const deb = await fetchDebianPackage(toolchain, DEBIAN_LIBC[arch], arch);
    const originals = await readDebianPackage(toolchain, deb, (path) => path.startsWith(`lib/${triplet}/`));
    const changed = new Map<string, number>();
    for (const { path, bytes } of entries) {
      const original = originals.get(path.replace('lib/', `lib/${triplet}/`));
      if (original === undefined || !(bytes instanceof Uint8Array)) continue;
      expect(bytes).toHaveLength(original.length);
      changed.set(
        path,
        original.reduce((sum, byte, at) => sum + (byte === bytes[at] ? 0 : 1), 0),
      );
    }
    expect(Object.fromEntries(changed)).toMatchObject({ 'lib/libm.so.6': 0 });
    expect(changed.get(`lib/${LOADERS[arch]}`)).toBeLessThan(200);
  });

  /** Code in every place where glibc would look for some. */
  async function plant(): Promise<void> {
    await writeFile(join(folder, 'planted.c'), PLANTED);
    await run('gcc', ['-shared', '-fPIC', '-o', join(folder, 'planted.so'), join(folder, 'planted.c')]);
    const names = ['libc.so.6', 'libm.so.6', 'libdl.so.2', 'libpthread.so.0', 'libplanted.so', 'libgcc_s.so.1'];
    const modules = ['libnss_planted.so.2', 'libnss_files.so.2', 'libnss_dns.so.2', 'libidn2.so.0'];
    const places = ['lib', 'usr/lib', 'lib64', `lib/${triplet}`, `usr/lib/${triplet}`, ''];
    for (const place of places) {
      await mkdir(join(root, place), { recursive: true });
      for (const name of [...names, ...modules]) await cp(join(folder, 'planted.so'), join(root, place, name));
    }
    for (const place of ['proc', 'dev', 'sys', 'tmp', 'etc', 'bin', `usr/lib/${triplet}/gconv`]) {
      await mkdir(join(root, place), { recursive: true });
    }
    await cp(join(folder, 'planted.so'), join(root, `usr/lib/${triplet}/gconv/PLANTED.so`));
    await writeFile(
      join(root, `usr/lib/${triplet}/gconv/gconv-modules`),
      'module INTERNAL SHIFT_JIS// PLANTED 1\nmodule SHIFT_JIS// INTERNAL PLANTED 1\n',
    );
    await writeFile(join(root, 'etc/localtime'), '');
    await writeFile(join(root, 'etc/ld.so.preload'), '/libplanted.so\n');
    await writeFile(join(root, 'etc/nsswitch.conf'), 'hosts: planted files dns\npasswd: planted files\n');
    await run('ldconfig', ['-r', root]).catch(() => undefined);
    await chmod(root, 0o755);
  }

  /** Debian's own loader and library in place of ours. */
  async function unseal(lib: string): Promise<void> {
    const deb = await fetchDebianPackage(toolchain, DEBIAN_LIBC[arch], arch);
    const originals = await readDebianPackage(toolchain, deb, (path) => path.startsWith(`lib/${triplet}/`));
    for (const name of [LOADERS[arch], 'libc.so.6']) {
      await writeFile(join(lib, name), originals.get(`lib/${triplet}/${name}`) ?? '');
    }
  }

  /** Runs a program of a tree through its loader, as root, watched. */
  async function inSandbox(
    tree: string,
    tool: string,
    ...args: string[]
  ): Promise<{ stdout: string; opened: string[] }> {
    const trace = join(folder, 'trace');
    const loader = `${tree}/lib/${LOADERS[arch]}`;
    const { stdout } = await run(
      'unshare',
      [
        ...['-mpf', '--propagation', 'private', 'sh', '-c'],
        'mount --bind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec "$@"',
        ...[
          root,
          'strace',
          '-f',
          '-s',
          '4096',
          '-e',
          'trace=open,openat,execve',
          '-o',
          trace,
          '/usr/sbin/chroot',
          root,
        ],
        ...[loader, '--inhibit-cache', '--library-path', `${tree}/lib`, `${tree}/bin/${tool}`, ...args],
      ],
      { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, cwd: '/' },
    ).catch((error: unknown) => {
      if (error instanceof Error && 'stdout' in error) return { stdout: String(error.stdout) };
      throw error;
    });
    const calls = (await readFile(trace, 'utf8')).split('\n');
    const start = calls.findIndex((line) => line.includes(`execve("${loader}"`));
    const opened = calls
      .slice(start + 1)
      .flatMap((line) => /open(?:at)?\((?:AT_FDCWD, )?"([^"]*)".* = \d+$/.exec(line)?.[1] ?? []);
    return { stdout, opened };
  }
});
