import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BunRuntime } from '../../../src/build/bun-runtimes.ts';
import { buildWithDocker } from '../../../src/build/docker-driver.ts';
import { fetchDebianPackage } from '../../../src/build/debian-package.ts';
import { fetchRuntime, type Toolchain } from '../../../src/build/toolchain.ts';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { parseTarget } from '../../../src/core/target.ts';
import { failureOfAsync } from '../core/failure.ts';

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'toolcrib-toolchain-'));
});
afterEach(() => rm(cache, { recursive: true }));

const BYTES = 'a compiler';
const RUNTIME: BunRuntime = {
  package: '@maker/compiler',
  version: '1.2.3',
  integrity: 'sha512-AAAA',
  executable: digestOf(BYTES),
};
const KEPT = `maker-compiler-1.2.3-${digestHex(RUNTIME.executable).slice(0, 12)}`;

/** Without a PATH: a program that fetches does not start, and makes another error. */
const common = {
  env: { PATH: '' },
  reporter: silentReporter,
  signal: new AbortController().signal,
  offline: true,
};
const toolchain = (): Toolchain => ({ ...common, cache, folder: cache });

describe('a build offline', () => {
  test('takes its compiler from the cache', async () => {
    await writeFile(join(cache, KEPT), BYTES);
    expect(await fetchRuntime(toolchain(), RUNTIME)).toBe(join(cache, KEPT));
  });

  test('names the compiler that is not there, and where a build that is online keeps it', async () => {
    const failure = await failureOfAsync(() => fetchRuntime(toolchain(), RUNTIME));
    expect(failure).toMatchObject({ name: 'RemoteError', code: 'OFFLINE' });
    expect(failure.message).toBe('offline: maker-compiler-1.2.3, which the build needs, is not in the cache');
    expect(failure.hint).toBe(`run "toolcrib build" once without --offline: what it fetches is kept in ${cache}`);
    expect(await readdir(cache)).toEqual([]);
  });

  test('does not take a compiler that is not the pinned one, and leaves it', async () => {
    await writeFile(join(cache, KEPT), 'other bytes');
    const failure = await failureOfAsync(() => fetchRuntime(toolchain(), RUNTIME));
    expect(failure).toMatchObject({ code: 'OFFLINE', cause: { code: 'DIGEST_MISMATCH' } });
    expect(failure.message).toContain('is damaged in the cache');
    expect(await readdir(cache)).toEqual([KEPT]);
  });

  test('names the package of Debian that is not there', async () => {
    const pin = { package: 'libc6', version: '2.36', digest: digestOf('deb') };
    const failure = await failureOfAsync(() => fetchDebianPackage(toolchain(), pin, 'arm64'));
    expect(failure).toMatchObject({ code: 'OFFLINE', details: { name: 'libc6_2.36_arm64.deb' } });
  });

  test('asks no engine for an image', async () => {
    const target = parseTarget('amd64-any');
    const dockerfile = join(cache, 'Dockerfile');
    const failure = await failureOfAsync(() =>
      buildWithDocker({
        ...{ tool: 'demo', version: 1, target, targetName: 'amd64-any', folder: cache, stage: cache },
        ...{ ...common, output: join(cache, 'output'), onOutput: undefined },
        build: { driver: 'docker', context: cache, dockerfile, output: '/tool' },
      }),
    );
    expect(failure).toMatchObject({ name: 'RemoteError', code: 'OFFLINE', details: { dockerfile } });
    expect(failure.hint).toContain('without --offline');
    expect(await readdir(cache)).toEqual([]);
  });
});
