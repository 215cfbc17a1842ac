import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { constants, Script } from 'node:vm';
import type { CompiledCode } from './compiled-code.ts';

/** What Node puts around the text of a CommonJS file: https://nodejs.org/api/modules.html#the-module-wrapper */
const BEFORE = Buffer.from('(function (exports, require, module, __filename, __dirname) { ');
const BEHIND = Buffer.from('\n})');

/** By then a command has compiled what it takes to start, and has not begun to collect much garbage. */
const SOON_MS = 250;

type Wrapped = (exports: unknown, require: unknown, module: Module, filename: string, folder: string) => void;

interface Module {
  exports: unknown;
}

interface Compiled {
  readonly name: string;
  readonly source: Uint8Array;
  readonly script: Script;
}

/**
 * Loads a file of the bundled command and those that it needs, as Node's `require` does, with what V8 compiled of them when
 * the same command ran before. Node's own compile cache leaves out what is compiled when it is first called, which is
 * most of a command: with that, commands start some 10 ms later.
 * @param kept what is missing there is written when the process ends, or soon: V8 drops again what it compiled and did not
 * run for a while.
 */
export function loadCommand(path: string, kept: CompiledCode): unknown {
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
  const keepNow = () => {
    keep(compiled.splice(0), kept);
  };
  setTimeout(keepNow, SOON_MS).unref();
  process.once('exit', keepNow);
  return load(path);
}

function compile(file: string, kept: CompiledCode): Compiled {
  const name = basename(file);
  const source = Buffer.concat([BEFORE, readFileSync(file), BEHIND]);
  const script = new Script(source.toString(), {
    filename: file,
    columnOffset: -BEFORE.length,
    cachedData: kept.read(name, source),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  return { name, source, script };
}

/** Keeps all when one was compiled anew: what others had compiled for another way through the command is more by now. */
function keep(compiled: readonly Compiled[], kept: CompiledCode): void {
  if (compiled.every(({ script }) => script.cachedDataRejected === false)) return;
  for (const { name, source, script } of compiled) {
    if (!kept.write(name, source, script.createCachedData())) return;
  }
}
