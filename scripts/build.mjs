// Bundles the toolcrib package into packages/toolcrib/dist: code-split, so that a command loads only what it needs.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const home = join(repository, 'packages/toolcrib');
const dist = join(home, 'dist');

/** Everything but `--version`. */
const COMMAND_LINE = 'packages/toolcrib/src/cli/command-line.ts';

/** What is loaded only when the first URL is asked for: files of its own, whatever else a command needs. */
const HEAVY = {
  dispatcher: 'packages/toolcrib/src/transfer/dispatcher.ts',
  sdk: 'packages/toolcrib/src/stores/s3/sdk.ts',
};

const common = {
  absWorkingDir: repository,
  outdir: dist,
  bundle: true,
  platform: 'node',
  target: 'node22',
  minifySyntax: true,
  minifyWhitespace: true,
  metafile: true,
  legalComments: 'none', // THIRD-PARTY-NOTICES.txt has the licences whole
  logLevel: 'warning',
};

await rm(dist, { recursive: true, force: true });
const outputs = await Promise.all([
  // Commands are one CommonJS file: modules are initialised when they are asked for, Node's own too, which forty small ES modules
  // would load at once. That is a third of the time of a short command.
  build({
    ...common,
    entryPoints: { cli: 'packages/toolcrib/src/cli/main.ts', 'command-line': COMMAND_LINE },
    format: 'cjs',
    outExtension: { '.js': '.cjs' },
    define: { 'import.meta.url': '__moduleUrl' },
    banner: { js: "const __moduleUrl=require('node:url').pathToFileURL(__filename).href;" },
    plugins: [loadLater()],
  }),
  build({ ...common, entryPoints: HEAVY, outdir: join(dist, 'later'), format: 'esm', banner: requireForModules() }),
  build({
    ...common,
    entryPoints: { index: 'packages/toolcrib/src/index.ts' },
    format: 'esm',
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    banner: requireForModules(),
  }),
]);
await chmod(join(dist, 'cli.cjs'), 0o755);
await writeFile(
  join(home, 'THIRD-PARTY-NOTICES.txt'),
  await notices(outputs.flatMap(({ metafile }) => Object.keys(metafile.inputs))),
);
await cp(join(repository, 'README.md'), join(home, 'README.md')); // what npm shows
await writeDeclarations();

/** Leaves the heavy files out of the one file, and Commander's child_process unloaded: it starts no programs here. */
function loadLater() {
  return {
    name: 'load-later',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\.ts$/ }, ({ path, kind, resolveDir }) => {
        if (kind !== 'dynamic-import') return null;
        const file = relative(repository, join(resolveDir, path));
        if (file === COMMAND_LINE) return { path: './command-line.cjs', external: true };
        const name = Object.keys(HEAVY).find((key) => HEAVY[key] === file);
        return name === undefined ? null : { path: `./later/${name}.js`, external: true };
      });
      onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
        importer.includes('/commander/') ? { path: 'child_process', namespace: 'unloaded' } : null,
      );
      onLoad({ filter: /.*/, namespace: 'unloaded' }, () => ({
        contents: "module.exports = { get spawn() { return require('node:child_process').spawn; } };",
      }));
    },
  };
}

/** Bundled CommonJS asks for Node's own modules with require. */
function requireForModules() {
  return {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  };
}

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
