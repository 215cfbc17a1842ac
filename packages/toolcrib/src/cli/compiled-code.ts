import { statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Has Node keep what it compiles of the installed package, in the package's own folder: commands start some 6 ms sooner.
 * Only there, and only when that folder belongs to who runs us. Whoever can write it can change the code itself, so that
 * nothing is trusted that was not; a folder for all packages, or one that a job's cache restores, could bring code in.
 * Where it cannot be written, nothing is kept.
 * @param script the bundled command, in a folder of the package.
 */
export function keepCompiledCode(script: string): void {
  const home = dirname(dirname(script));
  if (!script.endsWith('.cjs') || statSync(home).uid !== process.geteuid?.()) return;
  enableCompileCache(join(home, '.compile-cache'));
}
