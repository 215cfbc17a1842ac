// Builds the tool that ships with toolcrib and writes its pins: packages/sandbox-tools/SHA256SUMS, which `toolcrib
// publish` writes, and packages/toolcrib/src/config/builtin.json, which carries them into the package.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const project = join(repository, 'packages/sandbox-tools');
const store = mkdtempSync(join(tmpdir(), 'toolcrib-pins-'));

toolcrib('build');
toolcrib('publish', '--to', `file:${store}`);
rmSync(store, { recursive: true });

const { tool, targets } = JSON.parse(readFileSync(join(project, 'toolcrib.json'), 'utf8'));
const version = Number(readFileSync(join(project, 'tool-version.txt'), 'utf8'));
const sums = readFileSync(join(project, 'SHA256SUMS'), 'utf8');
const builtin = { tool, version, targets, sums };
writeFileSync(join(repository, 'packages/toolcrib/src/config/builtin.json'), `${JSON.stringify(builtin, null, 2)}\n`);

function toolcrib(...args) {
  const cli = join(repository, 'packages/toolcrib/src/cli/main.ts');
  execFileSync(process.execPath, [cli, ...args], { cwd: project, stdio: 'inherit' });
}
