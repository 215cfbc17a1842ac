import { constants, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { constants as compiling, Script } from 'node:vm';
import { readCompiledCode, writeCompiledCode } from './compiled-code.ts';

/** What Node puts around the text of a CommonJS file: https://nodejs.org/api/modules.html#the-module-wrapper */
const BEFORE = Buffer.from('(function (exports, require, module, __filename, __dirname) { ');
const BEHIND = Buffer.from('\n})');

type Wrapped = (exports: unknown, require: unknown, module: Module, filename: string, folder: string) => void;

interface Module {
  exports: unknown;
}

interface Compiled {
  /** Where it is kept. */
  readonly path: string;
  readonly source: Uint8Array;
  readonly script: Script;
}

/**
 * Where what is compiled of the installed command is kept: in the package's own folder. Only there, and only when that
 * folder belongs to who runs us and is not everybody's: whoever can write it can change the code itself, so that nothing is
 * trusted that was not; a folder for all packages, or one that a job's cache restores, could bring code in.
 * @param script the bundled command, in a folder of the package.
 * @param name of the command that is called: each needs other functions.
 * @returns undefined where nothing is kept.
 */
export function compiledCodeOf(script: string, name: string): string | undefined {
  if (!script.endsWith('.cjs') || process.env['NODE_DISABLE_COMPILE_CACHE'] !== undefined) return undefined;
  const home = dirname(dirname(script));
  const { uid, mode } = statSync(home);
  if (uid !== process.geteuid?.() || (mode & constants.S_IWOTH) !== 0) return undefined;
  return join(home, '.compiled-code', `${process.version}-${process.arch}`, name);
}

/**
 * Loads a file of the bundled command and those that it needs, as Node's `require` does, with what V8 compiled of them when
 * the same command ran before. Node's own compile cache leaves out what is compiled when it is first called, which is
 * most of a command: with that, commands start some 10 ms later.
 * @param kept the folder of {@link compiledCodeOf}; what was missing there is written when the process ends.
 */
export function loadCommand(path: string, kept: string): unknown {
  const modules = new Map<string, Module>();
  const compiled: Compiled[] = [];
  const load = (file: string): unknown => {
    const known = modules.get(file);
    if (known !== undefined) return known.exports;
    const module: Module = { exports: {} };
    modules.set(file, module); // before it runs: files may need each other
    const code = compile(file, kept);
    compiled.push(code);
    const folder = dirname(file);
    const require = (id: string): unknown =>
      id.startsWith('.') ? load(join(folder, id)) : (process.getBuiltinModule(id) ?? createRequire(file)(id));
    const run = code.script.runInThisContext() as Wrapped;
    try {
      run.call(module.exports, module.exports, require, module, file, folder);
      return module.exports;
    } catch (error) {
      modules.delete(file);
      throw error;
    }
  };
  process.once('exit', () => {
    keep(compiled);
  });
  return load(path);
}

function compile(file: string, kept: string): Compiled {
  const path = join(kept, basename(file));
  const source = Buffer.concat([BEFORE, readFileSync(file), BEHIND]);
  const script = new Script(source.toString(), {
    filename: file,
    columnOffset: -BEFORE.length,
    cachedData: readCompiledCode(path, source),
    importModuleDynamically: compiling.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  return { path, source, script };
}

/** Keeps all when one was compiled anew: what others had compiled for another way through the command is more by now. */
function keep(compiled: readonly Compiled[]): void {
  if (compiled.every(({ script }) => script.cachedDataRejected === false)) return;
  for (const { path, source, script } of compiled) writeCompiledCode(path, source, script.createCachedData());
}
