import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { openDirectoryStore } from '../../../src/stores/directory/directory-store.ts';
import type { ByteSource, Store } from '../../../src/stores/store.ts';

const clock: Clock = { now: () => Date.now(), elapsed: () => performance.now(), sleep: () => Promise.resolve() };
const NAME = 'tool-amd64-v1';

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'toolcrib-directory-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const storeIn = (folder: string, directory = 'a/b/store'): Store =>
  openDirectoryStore({ kind: 'directory', url: `file:${directory}`, directory }, { folder, clock });

function sourceOf(text: string): ByteSource {
  const bytes = Buffer.from(text);
  // eslint-disable-next-line @typescript-eslint/require-await -- sources are asynchronous by their contract
  async function* open(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  return { size: bytes.length, digest: digestOf(bytes), open };
}

describe('a directory store', () => {
  test('makes its directory when the first file is created, and not before', async () => {
    await using folder = await temporaryFolder();
    const store = storeIn(folder.path);
    expect(await store.fetch(NAME)).toBeUndefined();
    expect(await store.list('')).toEqual([]);
    expect(await readdir(folder.path)).toEqual([]);
    await store.create(NAME, sourceOf('x'));
    expect(await readdir(join(folder.path, 'a/b/store'))).toEqual([NAME]);
  });

  test('leaves files that everybody may read and nobody may write', async () => {
    await using folder = await temporaryFolder();
    await storeIn(folder.path, 'store').create(NAME, sourceOf('x'));
    expect((await stat(join(folder.path, 'store', NAME))).mode & 0o777).toBe(0o444);
  });

  test('lists files only: no temporaries, no directories, no foreign names', async () => {
    await using folder = await temporaryFolder();
    const store = storeIn(folder.path, '.');
    await store.create(NAME, sourceOf('x'));
    await mkdir(join(folder.path, 'tool-dir'));
    await writeFile(join(folder.path, '.toolcrib-x.tmp'), '');
    await writeFile(join(folder.path, 'tool v1 (copy)'), '');
    expect(await store.list('')).toEqual([NAME]);
  });

  test('takes away what a killed publisher left, and leaves the files of living ones', async () => {
    await using folder = await temporaryFolder();
    const script = `import { createTemporary } from ${JSON.stringify(new URL('../../../src/disk/temporary.ts', import.meta.url).href)};
      await createTemporary(process.argv[1]); process.kill(process.pid, 'SIGKILL');`;
    const killed = promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', script, folder.path]);
    await expect(killed).rejects.toMatchObject({ signal: 'SIGKILL' });
    expect(await readdir(folder.path)).toHaveLength(1);
    await storeIn(folder.path, '.').create(NAME, sourceOf('x'));
    expect(await readdir(folder.path)).toEqual([NAME]);
  });

  test('never waits for, and never reads, what is no file', async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, 'tool-dir-v1'));
    await promisify(execFile)('mkfifo', [join(folder.path, 'tool-pipe-v1')]);
    const store = storeIn(folder.path, '.');
    for (const name of ['tool-dir-v1', 'tool-pipe-v1']) {
      await expect(store.fetch(name)).rejects.toMatchObject({ code: 'STORAGE' });
      expect(await store.create(name, sourceOf('x'))).toBe('exists');
    }
  });

  test('does not create through a dangling link', async () => {
    await using folder = await temporaryFolder();
    await symlink(join(folder.path, 'elsewhere'), join(folder.path, NAME));
    expect(await storeIn(folder.path, '.').create(NAME, sourceOf('x'))).toBe('exists');
    expect(await readdir(folder.path)).toEqual([NAME]);
  });

  test('says STORAGE when its path is a file, and names path and operation', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'store'), '');
    const store = storeIn(folder.path, 'store');
    for (const work of [() => store.fetch(NAME), () => store.create(NAME, sourceOf('x')), () => store.list('')]) {
      await expect(work()).rejects.toMatchObject({ code: 'STORAGE' });
      await expect(work()).rejects.toThrow(/^cannot (read|create|list|examine).* .*store/);
    }
  });
});
