import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import { writeTar } from '../../../src/tar/write.ts';

let folder = '';
let outside = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'local-'));
  outside = await mkdtemp(join(tmpdir(), 'outside-'));
});
afterEach(async () => {
  await Promise.all([folder, outside].map((path) => rm(path, { recursive: true })));
});

const file = (path: string) => writeTar([{ path, kind: 'file', mode: 0o644, bytes: Buffer.from('new') }]);

describe('a local sandbox', () => {
  test('neither reads nor writes through a link that leads out of it', async () => {
    await writeFile(join(outside, 'secret'), 'a secret');
    await symlink(outside, join(folder, 'way'));
    await symlink(join(outside, 'secret'), join(folder, 'direct'));
    const sandbox = await openLocalSandbox(folder, { env: {} });
    for (const attempt of [
      () => sandbox.readTar('/way/secret'),
      () => sandbox.stat('/way/secret'),
      () => sandbox.unpackTar('/way', file('planted')),
      () => sandbox.unpackTar('/', file('way/planted')),
      () => sandbox.stat('/../etc'),
    ]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'NOT_INJECTABLE' });
    }
    expect(await sandbox.stat('/direct')).toMatchObject({ kind: 'link' });
    await sandbox.unpackTar('/', file('direct'));
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('a secret');
    expect(await readdir(outside)).toEqual(['secret']);
    expect(await readFile(join(folder, 'direct'), 'utf8')).toBe('new');
  });

  test('gives programs a chosen environment, and no secret of the shell that started toolcrib', async () => {
    const env = { PATH: '/usr/bin:/bin', HOME: '/home/me', AWS_SECRET_ACCESS_KEY: 'x', LD_PRELOAD: '/evil.so' };
    const sandbox = await openLocalSandbox(folder, { env });
    const process = await sandbox.exec({ argv: ['/usr/bin/env'], stdin: false, env: { ADDED: '1' } });
    expect((await text(process.stdout)).trim().split('\n').sort()).toEqual([
      'ADDED=1',
      'HOME=/home/me',
      'PATH=/usr/bin:/bin',
    ]);
  });

  test('is another one when its directory was made again', async () => {
    const first = await openLocalSandbox(folder, { env: {} });
    await rm(folder, { recursive: true });
    await mkdir(folder);
    const second = await openLocalSandbox(folder, { env: {} });
    const of = ({ identity }: typeof first) => `${identity.id} ${identity.startedAt}`;
    expect(of(second)).not.toBe(of(first));
  });

  test('cannot switch users, and says so', async () => {
    const sandbox = await openLocalSandbox(folder, { env: {} });
    await expect(sandbox.exec({ argv: ['/bin/true'], user: '1000', stdin: false })).rejects.toMatchObject({
      code: 'EXEC_FAILED',
    });
  });

  test('that is not a directory is not found', async () => {
    await writeFile(join(folder, 'file'), '');
    for (const path of [join(folder, 'nothing'), join(folder, 'file')]) {
      await expect(openLocalSandbox(path, { env: {} })).rejects.toMatchObject({ code: 'SANDBOX_NOT_FOUND' });
    }
  });
});
