// Bundles the command line and the library: for the package (build.mjs), and for tests, which start the command line hundreds
// of times.
import { chmod } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const repository = fileURLToPath(new URL('..', import.meta.url));

/**
 * What most commands load, and the modules that it imports: in one file each, because Node takes some 0.1 ms for every
 * file. A module belongs to the first group that has it.
 */
const SHARED = [
  { name: 'start', test: /cli\/(command-line|program-options)|core\/(cache-limits|process-stat|shown-reference)/ },
  { name: 'session', test: /cli\/session/ },
  { name: 'schemas', test: /\/zod\/|core\/schema-messages/ },
  {
    name: 'project',
    test: /flows\/(project|resolve-artifact|local-builder)|config\/read-pins|resolve\/resolve-artifact/,
  },
  { name: 'config', test: /config\/read-config/ },
];

/**
 * Writes `cli.cjs` and what belongs to it into a folder. What is imported while a command runs is a file of its own, so
 * that each command loads only what it needs; CommonJS, because Node loads many small files of it faster than modules.
 * @returns paths of the files that are in the bundle, relative to the repository
 */
export async function bundleCommand(folder) {
  const output = {
    dir: folder,
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: 'chunks/[name]-[hash].cjs',
    dynamicImportInCjs: false, // require: import() would start the other loader of Node, too
    charset: 'ascii', // one letter beyond Latin 1 doubles what the text of a file takes
  };
  const source = 'packages/toolcrib/src/cli';
  const starter = await bundle({ input: { cli: `${source}/main.ts` }, plugins: [loadCommandLineLater()] }, output);
  const command = await bundle(
    { input: { 'command-line': `${source}/command-line.ts` }, plugins: [lightenCommander()] },
    { ...output, codeSplitting: { groups: SHARED } },
  );
  await chmod(join(folder, 'cli.cjs'), 0o755);
  await bundleShims(join(folder, 'shims'));
  return [...new Set([...starter, ...command])];
}

/**
 * Writes what is preloaded into agents: one file each. Whatever is wrong with one, also in a Node that knows less than
 * ours, must not end the program that it is loaded into.
 */
async function bundleShims(folder) {
  for (const name of ['openai-agents', 'gemini-google-genai']) {
    await bundle(
      {
        input: { [name]: `packages/toolcrib/src/shims/${name}.ts` },
        transform: { target: 'es2020' },
      },
      { dir: folder, format: 'cjs', entryFileNames: '[name].cjs', intro: 'try {', outro: '} catch {}' },
    );
  }
}

/**
 * Writes what programs import into a folder: `index.js`, `ext-local.js`, and what belongs to them.
 * @returns paths of the files that are in the bundle, relative to the repository
 */
export async function bundleLibrary(folder) {
  const source = 'packages/toolcrib/src';
  return await bundle(
    { input: { index: `${source}/index.ts`, 'ext-local': `${source}/ext-local.ts` } },
    { dir: folder, format: 'esm', chunkFileNames: 'library/[name]-[hash].js' },
  );
}

/**
 * Bundles for Node, readable enough for a stack trace: names of functions and classes stay.
 * @returns paths of the files that are in the bundle, relative to the repository
 */
async function bundle(input, output) {
  const { output: files } = await build({
    cwd: repository,
    platform: 'node',
    transform: { target: 'node22' },
    checks: { ineffectiveDynamicImport: false }, // what the command loads late, the library may need at once
    ...input,
    output: {
      minify: { compress: true, mangle: { toplevel: true, keepNames: true }, codegen: true },
      comments: { legal: false },
      ...output,
    },
  });
  return files.flatMap((file) =>
    file.type === 'chunk' ? file.moduleIds.map((module) => relative(repository, module)) : [],
  );
}

/** Keeps what starts the command in one file, which Node compiles each time. */
function loadCommandLineLater() {
  return {
    name: 'load-command-line-later',
    resolveId: (path) => (path === './command-line.ts' ? { id: './command-line.cjs', external: true } : undefined),
  };
}

/** Leaves out what Commander imports and nobody needs here: programs that it could start, and a copy of `process`. */
function lightenCommander() {
  const light = {
    'node:child_process': "module.exports = { get spawn() { return require('node:child_process').spawn; } };",
    'node:process': 'export default process;',
  };
  return {
    name: 'lighten-commander',
    resolveId: (path, importer) => (path in light && importer?.includes('/commander/') ? `\0light-${path}` : undefined),
    load: (path) => (path.startsWith('\0light-') ? light[path.slice('\0light-'.length)] : undefined),
  };
}
