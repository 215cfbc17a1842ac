import { chmod, chown, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { compiledCodeOf } from '../../../src/cli/command-loader.ts';
import { readCompiledCode, writeCompiledCode } from '../../../src/cli/compiled-code.ts';
import { createScratch } from '../disk/scratch.ts';

const ROOT = process.geteuid?.() === 0;
const SOURCE = Buffer.from('function words() { return 1; }');
const CODE = Buffer.from('what V8 made of it');

test('what was compiled is found again for the same text', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'resolve/words.cjs');
  expect(readCompiledCode(path, SOURCE)).toBeUndefined();
  writeCompiledCode(path, SOURCE, CODE);
  expect(readCompiledCode(path, SOURCE)).toEqual(CODE);
});

test('what was compiled is not found for another text of the same length', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'words.cjs');
  writeCompiledCode(path, SOURCE, CODE);
  expect(readCompiledCode(path, Buffer.from('function words() { return 2; }'))).toBeUndefined();
});

test.each([
  ['is empty', () => Buffer.alloc(0)],
  ['ends within its digest', (kept: Buffer) => kept.subarray(0, 20)],
  ['ends behind its digest', (kept: Buffer) => kept.subarray(0, 32)],
  ['lacks its last byte', (kept: Buffer) => kept.subarray(0, -1)],
  ['has a hole', (kept: Buffer) => Buffer.concat([kept.subarray(0, 36), Buffer.alloc(kept.length - 36)])],
  ['has one wrong bit', (kept: Buffer) => Buffer.from(kept.map((byte, at) => (at === 40 ? byte ^ 1 : byte)))],
])('what was compiled is not found when it %s', async (_, damage) => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'words.cjs');
  writeCompiledCode(path, SOURCE, CODE);
  await writeFile(path, damage(await readFile(path)));
  expect(readCompiledCode(path, SOURCE)).toBeUndefined();
});

test('what was compiled can be read and written by nobody else', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'v24/resolve/words.cjs');
  writeCompiledCode(path, SOURCE, CODE);
  const modeOf = async (at: string) => ((await stat(at)).mode & 0o777).toString(8);
  expect(await modeOf(path)).toBe('600');
  expect(await modeOf(dirname(path))).toBe('700');
  expect(await modeOf(join(scratch.path, 'v24'))).toBe('700');
});

test('what was compiled is kept in a package that is ours alone', async () => {
  await using scratch = await createScratch();
  const script = join(scratch.path, 'dist/cli.cjs');
  const kept = join(scratch.path, '.compiled-code', `${process.version}-${process.arch}`, 'resolve');
  expect(compiledCodeOf(script, 'resolve')).toBe(kept);
  await chmod(scratch.path, 0o1777);
  expect(compiledCodeOf(script, 'resolve')).toBeUndefined();
  expect(compiledCodeOf(join(scratch.path, 'src/main.ts'), 'resolve')).toBeUndefined();
});

test('nothing is kept in a package of somebody else', async () => {
  await using scratch = await createScratch();
  if (ROOT) await chown(scratch.path, 65_534, 65_534);
  const home = ROOT ? scratch.path : '/usr';
  expect(compiledCodeOf(join(home, 'dist/cli.cjs'), 'resolve')).toBeUndefined();
});
