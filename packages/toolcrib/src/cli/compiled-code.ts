import { lstatSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Bytes of the digest that stands before what was compiled. */
const DIGEST = 32;

/** What V8 compiled of the files of one command. */
export interface CompiledCode {
  /**
   * What was compiled of a text; undefined where nothing was kept, and where it is of another text or damaged: V8 itself
   * looks at no more than the length of the text, and runs whatever it is given.
   */
  read(file: string, source: Uint8Array): Uint8Array | undefined;
  /**
   * Keeps what was compiled of a text; what is there is replaced as a whole.
   * @returns false where nothing can be kept.
   */
  write(file: string, source: Uint8Array, code: Uint8Array): boolean;
}

/**
 * What is kept of the installed command: in a folder of the package's own that nobody else can read or write. Only there,
 * and only where the package belongs to who runs us: a folder for all packages, or one that a job's cache restores, could
 * bring code in.
 * @param script the bundled command, in a folder of the package.
 * @param name of the command that is called: each needs other functions.
 * @returns undefined where nothing is kept.
 */
export function compiledCodeOf(script: string, name: string): CompiledCode | undefined {
  if (!script.endsWith('.cjs') || process.env['NODE_DISABLE_COMPILE_CACHE'] !== undefined) return undefined;
  const home = dirname(dirname(script));
  const folder = join(home, '.compiled-code');
  const pathOf = (file: string) => join(folder, `${name}.${process.version}-${process.arch}.${file}`);
  if (!isOurs(home) || isClosed(folder)) return undefined;
  return {
    read: (file, source) => readKept(pathOf(file), source),
    write(file, source, code) {
      try {
        // The package may have been removed, or replaced, while the command ran.
        statSync(script);
        if (!isOurs(home) || isClosed(folder)) return false;
        writeKept(pathOf(file), source, code);
        return true;
      } catch {
        return false;
      }
    },
  };
}

function isOurs(directory: string): boolean {
  return statSync(directory).uid === process.geteuid?.();
}

/** Whether something stands there that is not a folder, or that is not for us alone. */
function isClosed(folder: string): boolean {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  return !stats.isDirectory() || stats.uid !== process.geteuid?.() || (stats.mode & 0o077) !== 0;
}

function readKept(path: string, source: Uint8Array): Uint8Array | undefined {
  let kept: Buffer;
  try {
    kept = readFileSync(path);
  } catch {
    return undefined;
  }
  const code = kept.subarray(DIGEST);
  return digestOf(source, code).equals(kept.subarray(0, DIGEST)) ? code : undefined;
}

function writeKept(path: string, source: Uint8Array, code: Uint8Array): void {
  const folder = dirname(path);
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) mkdirSync(folder, { mode: 0o700 });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, Buffer.concat([digestOf(source, code), code]), { mode: 0o600 });
  renameSync(unfinished, path);
}

function digestOf(source: Uint8Array, code: Uint8Array): Buffer {
  const { createHash } = process.getBuiltinModule('node:crypto'); // takes 5 ms: --version does without it
  return createHash('sha256').update(source).update(code).digest();
}
