import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import type { Injection } from '../../../src/inject/injection.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { cannotEnter } from './enterable.ts';
import { startSite, type InjectionSite } from './inject-container.ts';
import { compileSyntheticTool, syntheticArtifact } from './synthetic-artifact.ts';

const run = promisify(execFile);
const image = 'toolcrib-test/busybox';
const tmpfs = { image, args: ['--tmpfs', '/opt:exec'] } as const;

/** An artifact whose tar comes up to its half, and goes on when it is told to. */
function halfOf(artifact: InjectableArtifact) {
  const half = Promise.withResolvers<undefined>();
  const rest = Promise.withResolvers<undefined>();
  async function* open(): AsyncGenerator<Uint8Array> {
    let size = 0;
    for await (const piece of artifact.tar.open()) {
      if (size < artifact.tar.size / 2 && size + piece.byteLength >= artifact.tar.size / 2) {
        half.resolve(undefined);
        await rest.promise;
      }
      size += piece.byteLength;
      yield piece;
    }
  }
  return {
    artifact: { ...artifact, tar: { ...artifact.tar, open } },
    half: half.promise,
    goOn: () => rest.resolve(undefined),
  };
}

/** The helper that places below a directory which no other test uses. */
async function helpersOf(parent: string): Promise<readonly number[]> {
  const found = await run('pgrep', ['--full', `namespace-helper.* place [0-9]+ same ${parent} `]).catch(() => ({
    stdout: '',
  }));
  return found.stdout.split('\n').filter(Boolean).map(Number);
}

const namesIn = (site: InjectionSite, directory: string) =>
  site.shell('0', `ls -A ${directory} 2>/dev/null || true`).then((text) => text.split('\n').filter(Boolean));

/** Through the mount namespace and by no other way. @returns what it failed with. */
async function placeBelow(
  parent: string,
  site: InjectionSite,
  artifact: InjectableArtifact,
  more: Partial<Injection> = {},
): Promise<unknown> {
  const only = { ...site.sandbox, ways: ['namespace'] as const };
  return await site.inject(artifact, { sandbox: only, install: [parent], ...more }).catch((error: unknown) => error);
}

describe(
  'an injection through the mount namespace that ends in its middle',
  requireOrSkip(await cannotEnter(image)),
  () => {
    let artifact: InjectableArtifact;
    beforeAll(async () => {
      artifact = await syntheticArtifact({ program: await compileSyntheticTool(), ballast: 3_000_000 });
    });

    test('because the helper was killed leaves nothing that has the name of a placement, and then nothing at all', async () => {
      await using site = await startSite(tmpfs);
      const parent = `/opt/${site.name}`;
      const gated = halfOf(artifact);
      const injecting = placeBelow(parent, site, gated.artifact);
      await gated.half;
      const [helper = 0, ...others] = await helpersOf(parent);
      expect(others).toEqual([]);
      process.kill(helper, 'SIGKILL');
      const left = await namesIn(site, parent);
      expect(left).toEqual([expect.stringMatching(/^\.synthetic-v1-/)]);
      gated.goOn();
      expect(await injecting).toMatchObject({
        code: 'NOT_INJECTABLE',
        details: { plan: [`namespace in ${parent}: the namespace helper ended with SIGKILL`] },
      });
      expect(await namesIn(site, parent)).toEqual([]);
      expect(site.notices.filter(({ kind }) => kind === 'warning')).toEqual([]);
    });

    test('because it was aborted takes away what was written', async () => {
      await using site = await startSite(tmpfs);
      const parent = `/opt/${site.name}`;
      const gated = halfOf(artifact);
      const abort = new AbortController();
      const outcome = placeBelow(parent, site, gated.artifact, { signal: abort.signal });
      await gated.half;
      expect(await namesIn(site, parent)).toHaveLength(1);
      abort.abort(new Error('by the user'));
      gated.goOn();
      expect(await outcome).toMatchObject({ message: 'by the user' });
      expect(await helpersOf(parent)).toEqual([]);
      expect(await namesIn(site, '/opt')).toEqual([]);
    });

    test('because toolcrib was killed takes away what was written: the helper sees its input end', async () => {
      await using site = await startSite(tmpfs);
      const parent = `/opt/${site.name}`;
      const child = spawn(process.execPath, ['--input-type=module', '--eval', PLACING, site.name, `${parent}/tree`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      expect(await namesIn(site, parent)).toEqual(['.tree']);
      child.kill('SIGKILL');
      await once(child, 'exit');
      while ((await helpersOf(parent)).length > 0) await sleep(10);
      expect(await namesIn(site, '/opt')).toEqual([]);
    });

    test('because the container ended is a failure like any other', async () => {
      await using site = await startSite(tmpfs);
      const parent = `/opt/${site.name}`;
      const gated = halfOf(artifact);
      const outcome = placeBelow(parent, site, gated.artifact);
      await gated.half;
      await run('docker', ['kill', site.name]);
      gated.goOn();
      expect(await outcome).toMatchObject({ code: expect.stringMatching(/SANDBOX_STATE|NOT_INJECTABLE/) as string });
    });
  },
);

/** A process that places half of a file, says so, and waits. */
const PLACING = `
import { openDockerSandbox } from ${JSON.stringify(join(import.meta.dirname, '../../../src/sandboxes/docker/docker-sandbox.ts'))};
const [name, path] = process.argv.slice(1);
const sandbox = await openDockerSandbox(name, { env: process.env });
async function* bytes() {
  yield Buffer.alloc(5_000_000);
  console.log('half');
  await new Promise((resolve) => setTimeout(resolve, 600_000));
}
async function* entries() {
  yield { path: 'file', kind: 'file', mode: 0o644, size: 10_000_000, bytes: bytes() };
}
const nothing = () => Promise.resolve();
await sandbox.namespace.place({ path, entries: entries(), examine: nothing, verify: nothing, signal: undefined });
`;
