import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { isEmptyFileName, judgeSource } from './conventions.ts';

const toolcrib = fileURLToPath(new URL('../..', import.meta.url));

/** Paths of TypeScript files below a folder of the package, relative to it. */
const sourcesIn = (folder: string): readonly string[] =>
  readdirSync(join(toolcrib, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `${folder}/${path}`);

/** The command line, and what is preloaded into agents: programs of their own. */
const mayTalk = (path: string): boolean =>
  /^src\/(?:cli\/|shims\/(?:openai-agents|gemini-google-genai)\.ts$)/.test(path);

describe('the source of toolcrib', () => {
  test('reads the environment, prints and ends the process only in its programs, and imports only what can be seen', () => {
    const faults = sourcesIn('src').flatMap((path) =>
      judgeSource(path, readFileSync(join(toolcrib, path), 'utf8'), mayTalk(path)),
    );
    expect(faults).toEqual([]);
  });

  test('has no file whose name says nothing', () => {
    expect([...sourcesIn('src'), ...sourcesIn('test')].filter(isEmptyFileName)).toEqual([]);
  });
});

describe('the conventions', () => {
  test.each([
    ["const home = process.env['HOME'];", 'process.env'],
    ["const home = process['env'].HOME;", 'process.env'],
    ['const { env } = process;', 'process.env'],
    ['const { env: environment } = process;', 'process.env'],
    ['const all = process;', 'process.env'],
    ['const home = globalThis.process.env.HOME;', 'process.env'],
    ["import { env } from 'node:process';", 'process.env'],
    ["import { exit as leave } from 'process';", 'process.exit'],
    ["import * as all from 'node:process';", 'process.env'],
    ["process.stdout.write('x');", 'process.stdout'],
    ["process.stderr.write('x');", 'process.stderr'],
    ['process.exit(1);', 'process.exit'],
    ['function f(process: P) {} const { stdout } = process;', 'process.stdout'],
    ['process.exitCode = 1;', 'process.exitCode'],
    ["console.log('x');", 'console'],
    ["console['error']('x');", 'console'],
  ])('leave it to the command line to say: %s', (text, what) => {
    expect(judgeSource('src/core/a.ts', `// first line\n${text}`, false)).toEqual([
      { path: 'src/core/a.ts', line: 2, what },
    ]);
    expect(judgeSource('src/cli/a.ts', text, true)).toEqual([]);
  });

  test.each(['await import(name);', 'await import(`../stores/${kind}/store.ts`);', "await import('../' + name);"])(
    'let nobody load what cannot be seen: %s',
    (text) => {
      expect(judgeSource('src/cli/a.ts', text, true)).toMatchObject([{ what: 'import() of what is no literal' }]);
    },
  );

  test.each([
    '// process.env, console.log, process.exit and import(name) in a comment',
    "const text = 'process.env console.log';",
    "process.once('exit', remove);",
    'const { pid } = process;',
    "import { hrtime } from 'node:process';",
    'const home = host.process.env;',
    'const process = await sandbox.exec(request); process.stdout.resume();',
    'const run = ({ process }: Started) => { process.stdin.end(); };',
    'function run(process: SandboxProcess) { return () => process.stderr; }',
    'for (const process of all) process.stdin.end();',
    "await import('../stores/s3/store.ts');",
    'const here = import.meta.url;',
  ])('let everybody say: %s', (text) => {
    expect(judgeSource('src/core/a.ts', text, false)).toEqual([]);
  });

  test.each([
    'src/core/utils.ts',
    'src/util.ts',
    'test/unit/helpers.ts',
    'src/cache/cache-manager.ts',
    'src/x.common.ts',
  ])('take %s for a name that says nothing', (path) => {
    expect(isEmptyFileName(path)).toBe(true);
  });

  test.each(['src/cli/common-exit.ts', 'src/utils/digest.ts', 'src/core/utility-bill.ts'])(
    'take %s for a name',
    (path) => {
      expect(isEmptyFileName(path)).toBe(false);
    },
  );
});
