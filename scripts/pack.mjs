// Packs what is published to npm into a folder: toolcrib and the platform packages with their artifacts.
// Usage: scripts/node scripts/pack.mjs OUT [--binaries DIR]
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const repository = fileURLToPath(new URL('..', import.meta.url));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { binaries: { type: 'string', default: join(repository, 'packages/sandbox-tools/binaries') } },
});
const out = resolve(positionals[0] ?? 'packed');
const version = Number(await readFile(join(repository, 'packages/sandbox-tools/tool-version.txt'), 'utf8'));

for (const path of [join(repository, 'packages/toolcrib/dist'), values.binaries]) {
  if (existsSync(path)) continue;
  console.error(`there is no ${path}: run "npm run build" and "npm run build:tool" first`);
  process.exit(1);
}

if (
  !['x64', 'arm64'].every((cpu) => existsSync(join(repository, `packages/toolcrib/native/namespace-helper-${cpu}`)))
) {
  console.error('the namespace helper is not there for both architectures: run "scripts/build-native" first');
  process.exit(1);
}

await mkdir(out, { recursive: true });
pack(join(repository, 'packages/toolcrib'));
// A workspace may not name a processor that this machine has not; what is published does, so that each machine installs
// its own artifact only.
for (const [cpu, arch] of [
  ['x64', 'amd64'],
  ['arm64', 'arm64'],
])
  await packPlatform(cpu, arch);

async function packPlatform(cpu, arch) {
  const name = `sandbox-tools-linux-${cpu}`;
  const stage = join(out, name);
  await cp(join(repository, 'packages', name), stage, { recursive: true });
  const manifest = JSON.parse(await readFile(join(stage, 'package.json'), 'utf8'));
  await writeFile(join(stage, 'package.json'), `${JSON.stringify({ ...manifest, cpu: [cpu] }, null, 2)}\n`);
  const artifact = `sandbox-tools-${arch}-any-v${version}`;
  await cp(join(values.binaries, artifact), join(stage, artifact));
  pack(stage);
  await rm(stage, { recursive: true });
}

function pack(folder) {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', out], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
