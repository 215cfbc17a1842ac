import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rebasePathspec } from '../../../src/check/rebase-pathspec.ts';

describe('a pathspec of a folder that may not be there any more', () => {
  test.each([
    ['.', 'old', ':(top)old'],
    ['.', '', ':(top)'],
    ['src', 'old/er', ':(top)old/er/src'],
    ['src/', 'old', ':(top)old/src/'],
    ['../src', 'old/er', ':(top)old/src'],
    [':/src', 'old', ':(top)src'],
    [':!src', 'old', ':(top,exclude)old/src'],
    [':^src', 'old', ':(top,exclude)old/src'],
    [':/!src', 'old', ':(top,exclude)src'],
    [':!:src', 'old', ':(top,exclude)old/src'],
    [':', 'old', ':(top)old'],
    [':/.', 'old', ':(top).'],
    [':(exclude,glob)**/*.md', 'old', ':(top,exclude,glob)old/**/*.md'],
    [':(top,exclude)src', 'old', ':(top,exclude)src'],
    [':(literal)a*', 'old', ':(top,literal)old/a*'],
  ])('%j of %j is %j', (pathspec, folder, expected) => {
    expect(rebasePathspec(pathspec, folder)).toBe(expected);
  });

  const FILES = ['a.md', 'p/a', 'p/a.md', 'p/b/a', 'p/b/c/a.md', 'q/a', 'q/a.md'];
  let top = '';
  const git = (folder: string, ...args: readonly string[]): string =>
    execFileSync('git', args, { cwd: join(top, folder), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

  beforeAll(() => {
    top = mkdtempSync(join(tmpdir(), 'toolcrib-pathspec-'));
    for (const file of FILES) {
      mkdirSync(dirname(join(top, file)), { recursive: true });
      writeFileSync(join(top, file), '');
    }
    git('', 'init', '--quiet');
    git('', 'add', '.');
  });
  afterAll(() => rmSync(top, { recursive: true }));

  const magic = fc.constantFrom('', ':/', ':!', ':^', ':/!', ':(top)', ':(exclude)', ':(glob)', ':(exclude,glob,top)');
  const pattern = fc.constantFrom('.', 'a', 'b', 'b/', 'p', 'p/b', '*.md', '**/a', '**/*.md', 'b/**', 'q/*', '../q');

  test('means to git what it meant there', () => {
    fc.assert(
      fc.property(magic, pattern, fc.constantFrom('p', 'p/b', ''), (signs, path, folder) => {
        fc.pre(!(path === '../q' && (folder === '' || signs.includes('/') || signs.includes('top'))));
        const pathspec = `${signs}${path}`;
        // Exclusions are taken from everything: alone they are taken from where git stands.
        const from = /[!^]|exclude/.test(signs) ? [':(top)'] : [];
        const there = git(folder, 'ls-files', '--full-name', '--', ...from, pathspec);
        expect(git('q', 'ls-files', '--full-name', '--', ...from, rebasePathspec(pathspec, folder))).toBe(there);
      }),
      { numRuns: 60 },
    );
  });
});
