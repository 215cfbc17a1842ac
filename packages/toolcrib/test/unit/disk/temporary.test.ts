import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { statFields } from '../../../src/core/process-stat.ts';
import { formatIdentity, identityFrom, livenessOf, ownIdentity } from '../../../src/disk/process-identity.ts';
import {
  ABANDONED_AFTER_MS,
  createTemporary,
  discardTemporary,
  isTemporaryName,
  sweepTemporaries,
} from '../../../src/disk/temporary.ts';
import { createScratch } from './scratch.ts';

const NOW = Date.UTC(2030, 0, 1);

function nameFor(identity: { host: string; pid: number; start: number }): string {
  return `.toolcrib-${formatIdentity(identity)}-${'0'.repeat(32)}.tmp`;
}

/** A process number that was in use and is not any more. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

test('a sweep never takes the file of a living process', async () => {
  await using scratch = await createScratch();
  const { path, handle } = await createTemporary(scratch.path);
  await handle.close();
  await utimes(path, 0, 0);
  expect(await sweepTemporaries(scratch.path, { now: NOW })).toEqual([]);
  expect(await readdir(scratch.path)).toEqual([basename(path)]);
  await discardTemporary(path);
});

test('a sweep takes the file of a process that is gone, and of one whose number another process has now', async () => {
  await using scratch = await createScratch();
  const own = ownIdentity();
  const left = [
    nameFor({ ...own, pid: deadPid() }),
    nameFor({ ...own, start: own.start === 0 ? 0 : own.start + 1 }),
  ].map((name) => join(scratch.path, name));
  for (const path of left) await writeFile(path, 'half');
  expect(await sweepTemporaries(scratch.path, { now: NOW })).toEqual([...left].sort());
  expect(await readdir(scratch.path)).toEqual([]);
});

test('a file of another machine is taken only after a day without a write', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, nameFor({ host: '00000000', pid: 1, start: 1 }));
  await writeFile(path, 'half');
  await utimes(path, NOW / 1000, NOW / 1000);
  expect(await sweepTemporaries(scratch.path, { now: NOW + ABANDONED_AFTER_MS })).toEqual([]);
  expect(await sweepTemporaries(scratch.path, { now: NOW + ABANDONED_AFTER_MS + 1 })).toEqual([path]);
});

test('a sweep leaves files that are not ours, and does nothing where nothing is', async () => {
  await using scratch = await createScratch();
  await writeFile(join(scratch.path, '.toolcrib-notes.tmp'), '');
  expect(await sweepTemporaries(scratch.path, { now: NOW })).toEqual([]);
  expect(await sweepTemporaries(join(scratch.path, 'none'), { now: NOW })).toEqual([]);
});

test('a process that exits in the middle of its work takes its temporary files along', async () => {
  await using scratch = await createScratch();
  const module = new URL('../../../src/disk/temporary.ts', import.meta.url).href;
  const script = `const { createTemporary } = await import(${JSON.stringify(module)});
    await createTemporary(${JSON.stringify(scratch.path)}); process.exit(3);`;
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script]);
  expect(status).toBe(3);
  expect(await readdir(scratch.path)).toEqual([]);
});

test('names of temporary files are recognised and cannot be guessed', async () => {
  await using scratch = await createScratch();
  const files = await Promise.all([createTemporary(scratch.path), createTemporary(scratch.path)]);
  expect(new Set(files.map(({ path }) => path)).size).toBe(2);
  for (const { path, handle } of files) {
    expect(isTemporaryName(basename(path))).toBe(true);
    await handle.close();
    await discardTemporary(path);
  }
});

test('identities of processes are read as they are written', () => {
  const identity = fc.record({
    host: fc.stringMatching(/^[0-9a-f]{8}$/),
    pid: fc.integer({ min: 1, max: 2 ** 22 }),
    start: fc.integer({ min: 0, max: 1e14 }),
  });
  fc.assert(
    fc.property(identity, (of) => {
      expect(identityFrom(formatIdentity(of))).toEqual(of);
    }),
  );
  expect(identityFrom('0123-1-1')).toBeUndefined();
});

test('this process is alive, one that ended is dead, one of another machine is unknown', () => {
  const own = ownIdentity();
  expect(livenessOf(own)).toBe('alive');
  expect(livenessOf({ ...own, pid: deadPid() })).toBe('dead');
  expect(livenessOf({ ...own, host: 'ffffffff' })).toBe('unknown');
});

test('a process that ended is dead, also while its parent does not wait for it', async () => {
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const statOf = async (pid: number) => await readFile(`/proc/${pid}/stat`, 'latin1');
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    const start = Number(statFields(await statOf(pid))[19]);
    // From now on it is one that never waits.
    await vi.waitFor(async () => expect(await statOf(parent.pid ?? 0)).toContain('(sleep)'), 10_000);
    expect(livenessOf({ ...ownIdentity(), pid, start })).toBe('alive');
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(async () => expect(statFields(await statOf(pid))[0]).toBe('Z'), 10_000);
    expect(livenessOf({ ...ownIdentity(), pid, start })).toBe('dead');
  } finally {
    parent.kill('SIGKILL');
  }
});
