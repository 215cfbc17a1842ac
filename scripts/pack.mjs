// Packs what is published to npm into a folder: toolcrib and the platform packages with their artifacts and tracers.
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

const native = join(repository, 'packages/toolcrib/native');
for (const name of ['namespace-helper-x64', 'namespace-helper-arm64', 'tracer-x64', 'tracer-arm64']) {
  if (existsSync(join(native, name))) continue;
  console.error(`there is no ${name}: run "scripts/build-native" first`);
  process.exit(1);
}

await mkdir(out, { recursive: true });
pack(join(repository, 'packages/toolcrib'));
// A workspace may not name a processor that this machine has not; what is published does, so that each machine installs
// its own artifact only.
for (const [cpu, arch] of [
  ['x64', 'amd64'],
  ['arm64', 'arm64'],
]) {
  const artifact = `sandbox-tools-${arch}-any-v${version}`;
  await packPlatform(`sandbox-tools-linux-${cpu}`, cpu, join(values.binaries, artifact), artifact);
  await packPlatform(`tracer-linux-${cpu}`, cpu, join(native, `tracer-${cpu}`), 'tracer');
}

async function packPlatform(name, cpu, file, fileName) {
  const stage = join(out, name);
  await cp(join(repository, 'packages', name), stage, { recursive: true });
  const manifest = JSON.parse(await readFile(join(stage, 'package.json'), 'utf8'));
  await writeFile(join(stage, 'package.json'), `${JSON.stringify({ ...manifest, cpu: [cpu] }, null, 2)}\n`);
  await cp(file, join(stage, fileName));
  pack(stage);
  await rm(stage, { recursive: true });
}

function pack(folder) {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', out], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
