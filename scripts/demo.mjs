// The demo: everything that toolcrib does, once, for real, each step in words and with the command a user would type.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const cli = join(repository, 'packages/toolcrib/src/cli/main.ts');
const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
const place = mkdtempSync(join(tmpdir(), 'toolcrib-demo-'));
const env = { ...process.env, TOOLCRIB_CACHE_DIR: join(place, 'cache') };
const node = [process.execPath, '--disable-warning=ExperimentalWarning', cli];

console.log(`Everything happens in ${place}, which may be removed afterwards\n`);
writeProject();
const sandbox = startSandbox();
try {
  step('Build the tool: TypeScript becomes a self-contained Linux executable, with its own loader and libraries');
  toolcrib('build');
  step('Publish it to a store: a directory here; S3 works the same. The release is complete or absent');
  toolcrib('publish', '--to', 'file:./store');
  console.log(indent(readFileSync(join(place, 'SHA256SUMS'), 'utf8')));
  console.log('  These pins belong into git: from now on nothing else is believed.');
  emptyBinaries();
  step('Resolve it on a machine that has nothing yet: fetched from the store, verified against the pin');
  toolcrib('--no-progress', 'resolve', '--target', `${arch}-any`, '--explain');
  step(`Inject it into ${sandbox.reference}: ${sandbox.words}`);
  toolcrib('inject', sandbox.reference);
  step('Call it there');
  toolcrib('exec', sandbox.reference, '--', 'version');
  step("Let an MCP client use the sandbox's bash, as an agent would");
  await callBash(sandbox.reference);
  step('Record a run of it in an evidence archive, and read that back');
  toolcrib('run', '-o', 'run.tar.gz', '--', ...node, 'exec', sandbox.reference, '--', 'version');
  toolcrib('archive', 'verify', 'run.tar.gz');
  toolcrib('archive', 'show', 'run.tar.gz');
  console.log(`\nDone. The evidence archive is ${join(place, 'run.tar.gz')}`);
} finally {
  sandbox.end();
}

function writeProject() {
  const config = {
    tool: 'sandbox-tools',
    targets: [`${arch}-any`],
    build: { driver: 'bun', entry: join(repository, 'packages/sandbox-tools/src/main.ts') },
    stores: ['file:./store'],
  };
  writeFileSync(join(place, 'toolcrib.json'), `${JSON.stringify(config, null, 2)}\n`);
  writeFileSync(join(place, 'tool-version.txt'), '1\n');
}

/** A container without a network where an engine answers, else a directory of this machine. */
function startSandbox() {
  const started = spawnSync('docker', ['run', '-d', '--network', 'none', 'toolcrib-test/busybox', 'sleep', '600'], {
    encoding: 'utf8',
  });
  if (started.status === 0) {
    const id = started.stdout.trim().slice(0, 12);
    return {
      reference: `docker:${id}`,
      words: 'a container that holds one static busybox and has no network',
      end: () => spawnSync('docker', ['rm', '-f', id]),
    };
  }
  const directory = join(place, 'sandbox');
  mkdirSync(directory);
  console.log('No Docker engine answers here, so the sandbox is a local directory: no isolation, the same steps.\n');
  return { reference: `local:${directory}`, words: 'a directory of this machine', end: () => undefined };
}

function step(words) {
  console.log(`\n== ${words}`);
}

function toolcrib(...args) {
  const shown = args
    .map((word) => (word === cli ? 'toolcrib' : word))
    .filter((word) => !node.includes(word) || word === 'toolcrib');
  console.log(`  $ toolcrib ${shown.join(' ')}`);
  const said = execFileSync(node[0], [...node.slice(1), ...args], {
    cwd: place,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  console.log(indent(said));
}

/** So that the next step has to fetch. */
function emptyBinaries() {
  execFileSync('rm', ['-rf', join(place, 'binaries'), join(place, 'cache')]);
}

async function callBash(reference) {
  const client = new Client({ name: 'demo', version: '1' });
  const [command, ...args] = [...node, 'mcp', reference];
  console.log(`  $ toolcrib mcp ${reference}`);
  await client.connect(new StdioClientTransport({ command, args, cwd: place, env, stderr: 'inherit' }));
  const { content } = await client.callTool({
    name: 'bash',
    arguments: { command: 'echo "hello from $(uname -m)"; id; pwd' },
  });
  console.log(indent(content.map(({ text }) => text).join('\n')));
  await client.close();
}

function indent(text) {
  return text.trimEnd().replace(/^/gm, '    ');
}
