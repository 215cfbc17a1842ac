import { chown, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compiledCodeOf } from '../../../src/cli/compiled-code.ts';
import { createScratch } from '../disk/scratch.ts';

const ROOT = process.geteuid?.() === 0;
const SOURCE = Buffer.from('function words() { return 1; }');
const CODE = Buffer.from('what V8 made of it');

async function createPackage() {
  const scratch = await createScratch();
  const script = join(scratch.path, 'dist/cli.cjs');
  await mkdir(join(scratch.path, 'dist'));
  await writeFile(script, '');
  const folder = join(scratch.path, '.compiled-code');
  const file = join(folder, `resolve.${process.version}-${process.arch}.words.cjs`);
  const open = () => compiledCodeOf(script, 'resolve') ?? expect.fail('nothing is kept');
  return { ...scratch, script, folder, file, open };
}

test('what was compiled is found again for the same text, and for no other command', async () => {
  await using one = await createPackage();
  const kept = one.open();
  expect(kept.read('words.cjs', SOURCE)).toBeUndefined();
  expect(kept.write('words.cjs', SOURCE, CODE)).toBe(true);
  expect(one.open().read('words.cjs', SOURCE)).toEqual(CODE);
  expect(compiledCodeOf(one.script, 'inject')?.read('words.cjs', SOURCE)).toBeUndefined();
});

test('what was compiled is not found for another text of the same length', async () => {
  await using one = await createPackage();
  one.open().write('words.cjs', SOURCE, CODE);
  expect(one.open().read('words.cjs', Buffer.from('function words() { return 2; }'))).toBeUndefined();
});

test.each([
  ['is empty', () => Buffer.alloc(0)],
  ['ends within its digest', (kept: Buffer) => kept.subarray(0, 20)],
  ['ends behind its digest', (kept: Buffer) => kept.subarray(0, 32)],
  ['lacks its last byte', (kept: Buffer) => kept.subarray(0, -1)],
  ['has a hole', (kept: Buffer) => Buffer.concat([kept.subarray(0, 36), Buffer.alloc(kept.length - 36)])],
  ['has one wrong bit', (kept: Buffer) => Buffer.from(kept.map((byte, at) => (at === 40 ? byte ^ 1 : byte)))],
])('what was compiled is not found when it %s, and is replaced', async (_, damage) => {
  await using one = await createPackage();
  one.open().write('words.cjs', SOURCE, CODE);
  await writeFile(one.file, damage(await readFile(one.file)));
  expect(one.open().read('words.cjs', SOURCE)).toBeUndefined();
  one.open().write('words.cjs', SOURCE, CODE);
  expect(one.open().read('words.cjs', SOURCE)).toEqual(CODE);
  expect(await readdir(one.folder)).toHaveLength(1);
});

test('what was compiled can be read and written by nobody else, whatever the umask', async () => {
  await using one = await createPackage();
  one.open().write('words.cjs', SOURCE, CODE);
  const modeOf = async (at: string) => ((await stat(at)).mode & 0o777).toString(8);
  expect(await modeOf(one.folder)).toBe('700');
  expect(await modeOf(one.file)).toBe('600');
});

describe('nothing is kept', () => {
  test('of what runs from its source', async () => {
    await using one = await createPackage();
    expect(compiledCodeOf(join(one.path, 'src/main.ts'), 'resolve')).toBeUndefined();
  });

  test('in a package of somebody else', async () => {
    await using one = await createPackage();
    if (ROOT) await chown(one.path, 65_534, 65_534);
    const script = ROOT ? one.script : '/usr/dist/cli.cjs';
    expect(compiledCodeOf(script, 'resolve')).toBeUndefined();
  });

  test.each([
    ['others can read', (folder: string) => mkdir(folder, { mode: 0o755 })],
    ['is a link', (folder: string) => symlink(tmpdir(), folder)],
    ['is a file', (folder: string) => writeFile(folder, 'mine')],
  ])('in a folder that %s, also when it came while the command ran', async (_, make) => {
    await using one = await createPackage();
    const before = one.open();
    await make(one.folder);
    expect(compiledCodeOf(one.script, 'resolve')).toBeUndefined();
    expect(before.write('words.cjs', SOURCE, CODE)).toBe(false);
    expect(await readdir(one.path)).not.toContain('words.cjs');
  });

  test('of a package that was removed while the command ran, which does not come back', async () => {
    await using one = await createPackage();
    const before = one.open();
    await rm(join(one.path, 'dist'), { recursive: true });
    expect(before.write('words.cjs', SOURCE, CODE)).toBe(false);
    expect(await readdir(one.path)).toEqual([]);
    await rm(one.path, { recursive: true });
    expect(before.write('words.cjs', SOURCE, CODE)).toBe(false);
    await expect(stat(one.path)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
