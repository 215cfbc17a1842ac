import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { formatIdentity, ownIdentity } from '../../../../../src/disk/process-identity.ts';
import { openTracePipe } from '../../../../../src/run/observe/strace/trace-pipe.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pipes-'));
  vi.stubEnv('TMPDIR', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

test('what is written to a pipe is read to the end of the last writer, also when it comes late', async () => {
  const pipe = await openTracePipe();
  spawnSync('/bin/sh', ['-c', 'echo written > "$0"', pipe.path]);
  expect(await pipe.chunks.next()).toEqual({ done: false, value: 'written\n' });
  await pipe.release();
  expect(await pipe.chunks.next()).toMatchObject({ done: true });
  await pipe.close();
  expect(await readdir(folder)).toEqual([]);
});

test('folders that a killed process left are removed, those of living ones and of others stay', async () => {
  const dead = spawnSync('/bin/true').pid;
  const nameOf = (pid: number): string => `toolcrib-strace-${formatIdentity({ ...ownIdentity(), pid })}-aB3x_Z`;
  const [left, foreign, alive] = [nameOf(dead), `${nameOf(dead).slice(0, -1)}Y`, nameOf(process.pid)];
  for (const name of [left, foreign, alive]) await mkdir(join(folder, name));
  await writeFile(join(folder, left, 'calls'), '');
  await writeFile(join(folder, foreign, 'other'), '');
  const pipe = await openTracePipe();
  await pipe.close();
  expect((await readdir(folder)).sort()).toEqual([foreign, alive].sort());
});
