import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spawnErrorOfErrno } from '../../../../../src/run/observe/errno.ts';
import { findProgram, spawnErrorOf } from '../../../../../src/run/observe/strace/find-program.ts';

describe('a program', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'find-program-'));
    for (const name of ['first', 'second', 'forbidden']) await mkdir(join(folder, name));
    await writeFile(join(folder, 'first/locked'), '', { mode: 0o644 });
    await writeFile(join(folder, 'second/locked'), '\x7fELF', { mode: 0o755 });
    await writeFile(join(folder, 'second/program'), '\x7fELF', { mode: 0o755 });
    await writeFile(join(folder, 'first/only-locked'), '', { mode: 0o644 });
    await writeFile(join(folder, 'second/script'), '#! /bin/sh -e\n', { mode: 0o755 });
    await writeFile(join(folder, 'second/text'), 'echo text\n', { mode: 0o755 });
    await writeFile(join(folder, 'second/empty'), '', { mode: 0o755 });
    await writeFile(join(folder, 'second/lost'), '#!/no/such/interpreter -x\n', { mode: 0o755 });
    await writeFile(join(folder, 'second/barred'), `#!${folder}/first/locked\n`, { mode: 0o755 });
    await mkdir(join(folder, 'first/program'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const find = (command: readonly string[], path: string | null = `${folder}/first:${folder}/second`) =>
    findProgram({ command, cwd: folder, env: { PATH: path ?? undefined }, stdio: 'inherit', ownGroup: false });

  test('keeps its name when it is looked up: it may do different things under different names', async () => {
    expect(await find(['program', 'a'])).toEqual({ command: ['program', 'a'] });
    expect(await find(['script'])).toEqual({ command: ['script'] });
    expect(await find(['empty'])).toEqual({ command: ['empty'] });
    expect(await find(['second/program'])).toEqual({ command: ['second/program'] });
    expect(await find([`${folder}/second/program`])).toEqual({ command: [`${folder}/second/program`] });
  });

  test('is looked for in the directories of PATH, past what cannot be started', async () => {
    expect(await find(['locked'])).toEqual({ command: ['locked'] });
    expect(await find(['only-locked'])).toEqual(spawnErrorOf('EACCES'));
    expect(await find(['nowhere'])).toEqual(spawnErrorOf('ENOENT'));
    expect(await find(['program'], '')).toEqual(spawnErrorOf('ENOENT'));
    expect(await find(['program'], 'nowhere:second')).toEqual({ command: ['program'] });
    expect(await find(['sh'], null)).toEqual({ command: ['/bin/sh'] });
  });

  test('that is a text is one for the shell', async () => {
    expect(await find(['text', 'a'])).toEqual({ command: ['/bin/sh', `${folder}/second/text`, 'a'] });
  });

  test.each([
    ['second/lost', 'ENOENT'],
    ['second/barred', 'EACCES'],
    ['./second', 'EACCES'],
    ['second/program/below', 'ENOTDIR'],
    ['', 'ENOENT'],
  ])('%j cannot be started: %s', async (name, code) => {
    expect(await find([name])).toMatchObject({ code, reason: expect.stringContaining(`(${code})`) as string });
  });

  test('with a NUL character in an argument or a variable is one that no system takes', async () => {
    expect(await find(['program', 'a\0b'])).toMatchObject({ code: 'INVALID' });
    expect(await find(['program'], 'a\0b')).toMatchObject({ code: 'INVALID' });
  });
});

test('an error that has no name here is told by its number', () => {
  expect(spawnErrorOfErrno(2)).toEqual({ code: 'ENOENT', reason: 'no such file or directory (ENOENT)' });
  expect(spawnErrorOfErrno(4000)).toEqual({ code: 'errno 4000', reason: 'the system refused it (errno 4000)' });
});
