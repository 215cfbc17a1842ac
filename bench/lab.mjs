import { execFileSync, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, shell } from './measure.mjs';

const repository = fileURLToPath(new URL('..', import.meta.url));
const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';

/** The bundled command line, as a user runs it. */
export const cli = join(repository, 'packages/toolcrib/dist/cli.cjs');
export const target = `${arch}-any`;

/** A project with the real tool built and published, in a folder of its own. */
export function createLab() {
  const place = mkdtempSync(join(tmpdir(), 'toolcrib-bench-'));
  const lab = {
    place,
    env: { ...process.env, TOOLCRIB_CACHE_DIR: join(place, 'cache') },
    toolcrib: (...args) =>
      run(process.execPath, [cli, '--no-progress', '--quiet', ...args], { cwd: place, env: lab.env }),
    forget: () => rmSync(join(place, 'cache'), { recursive: true, force: true }),
    end: () => rmSync(place, { recursive: true, force: true }),
  };
  writeProject(place, ['file:./store']);
  buildTool(lab);
  lab.toolcrib('publish');
  lab.artifact = `sandbox-tools-${target}-v1`;
  lab.file = join(place, 'store', lab.artifact);
  rmSync(join(place, 'binaries'), { recursive: true });
  shell(`gunzip -c ${lab.file} > ${join(place, 'tree.tar')}`);
  return lab;
}

/** Where the tool's stores are; `resolve` asks them in this order. */
export function writeProject(place, stores) {
  const entry = join(repository, 'packages/sandbox-tools/src/main.ts');
  const config = { tool: 'sandbox-tools', targets: [target], build: { driver: 'bun', entry }, stores };
  writeFileSync(join(place, 'toolcrib.json'), JSON.stringify(config));
  writeFileSync(join(place, 'tool-version.txt'), '1\n');
}

function buildTool(lab) {
  const built = join(repository, 'packages/sandbox-tools/binaries', `sandbox-tools-${target}-v1`);
  if (!existsSync(built)) return lab.toolcrib('build');
  mkdirSync(join(lab.place, 'binaries'));
  copyFileSync(built, join(lab.place, 'binaries', `sandbox-tools-${target}-v1`));
}

/** A running container that holds one static busybox and has no network. */
export function startContainer(...options) {
  const args = ['run', '-d', '--network', 'none', ...options, 'toolcrib-test/busybox', 'sleep', '3600'];
  return execFileSync('docker', args, { encoding: 'utf8' }).trim();
}

export function removeContainers(ids) {
  if (ids.length > 0) run('docker', ['rm', '-f', ...ids]);
}

/** A plain HTTP server of a folder, in a process of its own. */
export async function serveFolder(folder) {
  const child = spawn(process.execPath, [join(repository, 'bench/file-server.mjs'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise((resolve) => child.stdout.once('data', (text) => resolve(Number(text))));
  return { url: `http://127.0.0.1:${port}`, end: () => child.kill() };
}

/** Endpoint and keys of the S3 server that scripts/setup starts. */
export function s3Settings() {
  const text = readFileSync(join(repository, 'scripts/servers/s3.env'), 'utf8');
  return Object.fromEntries(
    [...text.matchAll(/^(?:export )?(\w+)=["']?([^"'\n]*)/gm)].map(([, key, value]) => [key, value]),
  );
}

/** What the figures were measured on. */
export function machine() {
  const cpu = /model name\s*: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor';
  const cores = readdirSync('/sys/devices/system/cpu').filter((name) => /^cpu\d+$/.test(name)).length;
  const say = (command, ...args) => execFileSync(command, args, { encoding: 'utf8' }).split('\n')[0];
  return [
    `${cpu}, ${cores} cores, ${say('uname', '-sr')}`,
    `Node ${process.version}, ${say('curl', '--version').split(' (')[0]}, ${say('openssl', 'version')}`,
    `Docker Engine ${say('docker', 'version', '--format', '{{.Server.Version}}')}, ${say('aws', '--version').split(' ')[0]}, ${say('skopeo', '--version')}`,
  ];
}
