// Bundles the toolcrib package into packages/toolcrib/dist: code-split, so that a command loads only what it needs.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleCommand, bundleLibrary } from './bundle-command.mjs';

const repository = fileURLToPath(new URL('..', import.meta.url));
const home = join(repository, 'packages/toolcrib');
const dist = join(home, 'dist');

await rm(dist, { recursive: true, force: true });
const command = await bundleCommand(dist);
const library = await bundleLibrary(dist);
await writeFile(join(home, 'THIRD-PARTY-NOTICES.txt'), await notices([...command, ...library]));
await cp(join(repository, 'README.md'), join(home, 'README.md')); // what npm shows
await writeDeclarations();

/** The licence texts of every package whose code is in the bundle. */
async function notices(inputs) {
  const folders = new Set(inputs.flatMap((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []));
  const parts = [];
  for (const folder of [...folders].sort()) {
    const path = join(repository, folder);
    if (!existsSync(join(path, 'package.json'))) continue;
    const { name, version, license } = JSON.parse(await readFile(join(path, 'package.json'), 'utf8'));
    if (name === undefined) continue;
    const files = (await readdir(path)).filter((file) => /^(licen[cs]e|notice)/i.test(file)).sort();
    const texts = await Promise.all(files.map((file) => readFile(join(path, file), 'utf8')));
    parts.push([`${name} ${version} (${license ?? 'see below'})`, ...texts].join('\n\n'));
  }
  return `toolcrib contains code of these packages.\n\n${parts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

/**
 * The types of the public API, as TypeScript emits them. Those of documents are inferred by zod, which no user installs:
 * its declarations come along.
 */
async function writeDeclarations() {
  const folderOf = (name) => dirname(fileURLToPath(import.meta.resolve(`${name}/package.json`)));
  const tsc = join(folderOf('typescript'), 'bin/tsc');
  execFileSync(process.execPath, [tsc, '--project', join(home, 'tsconfig.types.json')], { stdio: 'inherit' });
  const types = join(dist, 'types');
  const zod = join(types, 'zod');
  const own = (await readdir(types, { recursive: true })).filter((file) => file.endsWith('.d.ts'));
  for (const part of ['mini', 'v4/mini', 'v4/core', 'v4/locales']) {
    const filter = (source) => !/\.[cm]?js$|\.d\.cts$|\.map$|package\.json$/.test(source);
    await cp(join(folderOf('zod'), part), join(zod, part), { recursive: true, filter });
  }
  for (const file of own) {
    const path = join(types, file);
    const specifier = relative(dirname(path), join(zod, 'mini/index.js'));
    await writeFile(path, (await readFile(path, 'utf8')).replace("'zod/mini'", `'${specifier}'`));
  }
}
