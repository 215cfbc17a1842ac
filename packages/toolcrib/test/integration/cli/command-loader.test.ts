import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readCompiledCode, writeCompiledCode } from '../../../src/cli/compiled-code.ts';
import { createScratch } from '../../unit/disk/scratch.ts';

const LOADER = fileURLToPath(new URL('load-command.ts', import.meta.url));

/** A command of two files that need each other, one of them when it runs. */
async function createCommand(folder: string, words: string) {
  const [dist, kept] = [join(folder, 'dist'), join(folder, 'kept')];
  await mkdir(join(dist, 'chunks'), { recursive: true });
  const entry = join(dist, 'command.cjs');
  await writeFile(entry, "exports.end = '!'; exports.say = () => require('./chunks/words.cjs').words();");
  const setWords = (text: string) => writeFile(join(dist, 'chunks/words.cjs'), wordsFile(text));
  await setWords(words);
  const run = async () => (await promisify(execFile)(process.execPath, [LOADER, entry, kept])).stdout;
  return { kept, keptWords: join(kept, 'words.cjs'), setWords, run };
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
  expect(Object.keys(first)).toEqual(['command.cjs', 'words.cjs']);
  expect(await run()).toBe('hello!');
  expect(await contentOf(kept)).toEqual(first);
});

test('what was compiled is what runs, also of functions that are compiled when they are called', async () => {
  await using scratch = await createScratch();
  const { keptWords, setWords, run } = await createCommand(scratch.path, 'howdy');
  await run();
  const code = (await readFile(keptWords)).subarray(32);
  await setWords('hello');
  writeCompiledCode(keptWords, wrappedWords('hello'), code);
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
  const { keptWords, run } = await createCommand(scratch.path, 'hello');
  await run();
  const sound = await readFile(keptWords);
  await writeFile(keptWords, sound.fill(0, 200));
  expect(readCompiledCode(keptWords, wrappedWords('hello'))).toBeUndefined();
  expect(await run()).toBe('hello!');
  expect(readCompiledCode(keptWords, wrappedWords('hello'))).toBeDefined();
});

test('a command runs where nothing can be kept', async () => {
  await using scratch = await createScratch();
  const { kept, run } = await createCommand(scratch.path, 'hello');
  await writeFile(kept, 'not a folder');
  expect(await run()).toBe('hello!');
  expect(await readFile(kept, 'utf8')).toBe('not a folder');
});

test('commands that start at once for the first time all say what they should', async () => {
  await using scratch = await createScratch();
  const { run } = await createCommand(scratch.path, 'hello');
  const said = await Promise.all(Array.from({ length: 12 }, run));
  expect(new Set(said)).toEqual(new Set(['hello!']));
});
