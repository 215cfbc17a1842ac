import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { compiledCodeOf } from '../../../src/cli/compiled-code.ts';
import { createScratch } from '../../unit/disk/scratch.ts';

const LOADER = fileURLToPath(new URL('load-command.ts', import.meta.url));

/** A command of two files that need each other, one of them when it runs. */
async function createCommand(folder: string, words: string) {
  const [dist, kept] = [join(folder, 'dist'), join(folder, '.compiled-code')];
  await mkdir(join(dist, 'chunks'), { recursive: true });
  const entry = join(dist, 'command.cjs');
  await writeFile(entry, "exports.end = '!'; exports.say = () => require('./chunks/words.cjs').words();");
  const setWords = (text: string) => writeFile(join(dist, 'chunks/words.cjs'), wordsFile(text));
  await setWords(words);
  const run = async () => (await promisify(execFile)(process.execPath, [LOADER, entry])).stdout;
  const code = compiledCodeOf(entry, 'test') ?? expect.fail('nothing is kept');
  return { kept, keptWords: join(kept, `test.${process.version}-${process.arch}.words.cjs`), code, setWords, run };
}

function wordsFile(words: string): string {
  return `const { end } = require('../command.cjs'); exports.words = function words() { return '${words}' + end; };`;
}

/** The text that V8 compiles of {@link wordsFile}. */
function wrappedWords(words: string): Buffer {
  return Buffer.from(`(function (exports, require, module, __filename, __dirname) { ${wordsFile(words)}\n})`);
}

async function contentOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  const read = async (name: string) => [name, await readFile(join(folder, name), 'base64')] as const;
  return Object.fromEntries(await Promise.all(names.map(read)));
}

test('a command says the same whether its code was compiled before or not, and what was compiled stays as it is', async () => {
  await using scratch = await createScratch();
  const { kept, run } = await createCommand(scratch.path, 'hello');
  expect(await run()).toBe('hello!');
  const first = await contentOf(kept);
  expect(Object.keys(first).map((name) => name.replace(/.*-\w+\./, ''))).toEqual(['command.cjs', 'words.cjs']);
  expect(await run()).toBe('hello!');
  expect(await contentOf(kept)).toEqual(first);
});

test('what was compiled is what runs, also of functions that are compiled when they are called', async () => {
  await using scratch = await createScratch();
  const { keptWords, code, setWords, run } = await createCommand(scratch.path, 'howdy');
  await run();
  const compiled = (await readFile(keptWords)).subarray(32);
  await setWords('hello');
  code.write('words.cjs', wrappedWords('hello'), compiled);
  expect(await run()).toBe('howdy!');
});

test('a file that changed is compiled anew, also when it is as long as before', async () => {
  await using scratch = await createScratch();
  const { run, setWords } = await createCommand(scratch.path, 'hello');
  await run();
  await setWords('howdy');
  expect(await run()).toBe('howdy!');
  expect(await run()).toBe('howdy!');
});

test('what was damaged is compiled again and replaced', async () => {
  await using scratch = await createScratch();
  const { keptWords, code, run } = await createCommand(scratch.path, 'hello');
  await run();
  const sound = await readFile(keptWords);
  await writeFile(keptWords, sound.fill(0, 200));
  expect(code.read('words.cjs', wrappedWords('hello'))).toBeUndefined();
  expect(await run()).toBe('hello!');
  expect(code.read('words.cjs', wrappedWords('hello'))).toBeDefined();
});

test('a command whose package is removed while it runs does not bring it back', async () => {
  await using scratch = await createScratch();
  const folder = join(scratch.path, 'package');
  const { run } = await createCommand(folder, 'hello');
  const entry = join(folder, 'dist/command.cjs');
  await writeFile(
    entry,
    `exports.say = () => { require('fs').rmSync('${folder}', { recursive: true }); return 'gone'; };`,
  );
  expect(await run()).toBe('gone');
  expect(await readdir(scratch.path)).toEqual([]);
});

test('commands that start at once for the first time all say what they should', async () => {
  await using scratch = await createScratch();
  const { run } = await createCommand(scratch.path, 'hello');
  const said = await Promise.all(Array.from({ length: 12 }, run));
  expect(new Set(said)).toEqual(new Set(['hello!']));
});
