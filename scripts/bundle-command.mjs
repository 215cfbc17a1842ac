// Bundles the command line: for the package (build.mjs), and for tests, which start it hundreds of times.
import { build } from 'esbuild';
import { chmod } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));

/** Everything but `--version`. */
const COMMAND_LINE = 'packages/toolcrib/src/cli/command-line.ts';

/** What is loaded only when the first URL is asked for, or answered: files of its own, whatever else a command needs. */
const HEAVY = {
  dispatcher: 'packages/toolcrib/src/transfer/dispatcher.ts',
  sdk: 'packages/toolcrib/src/stores/s3/sdk.ts',
  octokit: 'packages/toolcrib/src/github/sdk.ts',
  fastify: 'packages/toolcrib/src/serve/fastify.ts',
  'sigstore-verify': 'packages/toolcrib/src/attestations/verify-sdk.ts',
  'sigstore-sign': 'packages/toolcrib/src/attestations/sign-sdk.ts',
  tuf: 'packages/toolcrib/src/attestations/tuf-sdk.ts',
};

/** What every bundle has in common. */
export const common = {
  absWorkingDir: repository,
  bundle: true,
  platform: 'node',
  target: 'node22',
  minifySyntax: true,
  minifyWhitespace: true,
  metafile: true,
  legalComments: 'none', // THIRD-PARTY-NOTICES.txt has the licences whole
  logLevel: 'warning',
};

/**
 * Writes `cli.cjs` and what belongs to it into a folder.
 * @returns paths of the files that are in the bundles, relative to the repository
 */
export async function bundleCommand(folder) {
  const outputs = await Promise.all([
    // Commands are one CommonJS file: modules are initialised when they are asked for, Node's own too, which forty small
    // ES modules would load at once. That is a third of the time of a short command.
    build({
      ...common,
      outdir: folder,
      entryPoints: { cli: 'packages/toolcrib/src/cli/main.ts', 'command-line': COMMAND_LINE },
      format: 'cjs',
      outExtension: { '.js': '.cjs' },
      define: { 'import.meta.url': '__moduleUrl' },
      banner: { js: "const __moduleUrl=require('node:url').pathToFileURL(__filename).href;" },
      plugins: [loadLater()],
    }),
    build({ ...common, entryPoints: HEAVY, outdir: join(folder, 'later'), format: 'esm', banner: requireForModules() }),
  ]);
  await chmod(join(folder, 'cli.cjs'), 0o755);
  return outputs.flatMap(({ metafile }) => Object.keys(metafile.inputs));
}

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
export function requireForModules() {
  return {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  };
}
