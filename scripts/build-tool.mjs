// Builds the tool that ships and puts its artifacts where toolcrib looks for them in a checkout: the platform packages.
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../packages', import.meta.url));
const project = join(packages, 'sandbox-tools');
const cli = join(packages, 'toolcrib/src/cli/main.ts');

execFileSync(process.execPath, [cli, 'build', '--verify'], { cwd: project, stdio: 'inherit' });
const version = Number(readFileSync(join(project, 'tool-version.txt'), 'utf8'));
for (const [cpu, arch] of [
  ['x64', 'amd64'],
  ['arm64', 'arm64'],
]) {
  const name = `sandbox-tools-${arch}-any-v${version}`;
  cpSync(join(project, 'binaries', name), join(packages, `sandbox-tools-linux-${cpu}`, name));
}
