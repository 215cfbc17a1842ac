// Bundles the toolcrib package into packages/toolcrib/dist: code-split, so that a command loads only what it needs.
import { build } from 'esbuild';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const home = join(repository, 'packages/toolcrib');
const dist = join(home, 'dist');

await rm(dist, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: repository,
  entryPoints: { cli: 'packages/toolcrib/src/cli/main.ts', index: 'packages/toolcrib/src/index.ts' },
  outdir: dist,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  minifySyntax: true,
  minifyWhitespace: true,
  metafile: true,
  legalComments: 'none', // THIRD-PARTY-NOTICES.txt has the licences whole
  logLevel: 'warning',
  // Bundled CommonJS asks for Node's own modules with require.
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
});
await chmod(join(dist, 'cli.js'), 0o755);
await writeFile(join(home, 'THIRD-PARTY-NOTICES.txt'), await notices(Object.keys(metafile.inputs)));
writeDeclarations();

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

/** The types of the public API, as TypeScript emits them. */
function writeDeclarations() {
  const tsc = join(dirname(fileURLToPath(import.meta.resolve('typescript/package.json'))), 'bin/tsc');
  execFileSync(process.execPath, [tsc, '--project', join(home, 'tsconfig.types.json')], { stdio: 'inherit' });
}
