import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * The tracer for this machine: in the platform package that npm installed, else where `scripts/build-native` puts it.
 * @returns undefined when it is not there.
 */
export function findTracer(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const candidates = [
    [`tracer-linux-${process.arch}`, 'tracer'],
    ['toolcrib', `native/tracer-${process.arch}`],
  ] as const;
  return candidates
    .flatMap(([name, file]) => packageFolder(name).map((folder) => join(folder, file)))
    .find((path) => existsSync(path));
}

/** Empty where it is not installed, or where toolcrib was bundled into another program. */
function packageFolder(name: string): string[] {
  try {
    return [dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))];
  } catch {
    return [];
  }
}
