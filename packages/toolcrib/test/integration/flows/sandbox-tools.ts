import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { networkEnvironment, toolcrib } from '../cli/command-line.ts';
import { REPOSITORY } from '../build/samples.ts';

const SOURCES = join(REPOSITORY, 'packages/sandbox-tools');
/** Kept between runs, like the compilers. */
const STATE = join(REPOSITORY, '.build');
/** What decides the bytes of the tool, besides its dependencies, which the lock file pins. */
const INPUTS = ['packages/sandbox-tools/src', 'packages/toolcrib/src/build', 'packages/toolcrib/src/tar'];
const FILES = ['packages/sandbox-tools/tool-version.txt', 'package-lock.json'];

/** A project with the tool that ships, built from this checkout and published to `./store`. Nobody writes into it. */
export interface SandboxToolsProject {
  readonly folder: string;
  readonly version: number;
}

/** Builds it for both architectures, or finds it as an earlier run built it from the same sources. */
export async function sandboxToolsProject(): Promise<SandboxToolsProject> {
  const version = Number(await readFile(join(SOURCES, 'tool-version.txt'), 'utf8'));
  const folder = join(STATE, 'sandbox-tools', await keyOfSources());
  if (!existsSync(folder)) await build(folder);
  return { folder, version };
}

async function keyOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const listed = await Promise.all(INPUTS.map((input) => filesBelow(join(REPOSITORY, input))));
  for (const path of [...FILES.map((file) => join(REPOSITORY, file)), ...listed.flat()].sort()) {
    const content = await readFile(path);
    hash.update(`${path.slice(REPOSITORY.length)} ${content.length}\n`).update(content);
  }
  return hash.digest('hex').slice(0, 16);
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

/** In a folder beside, renamed when it is complete: two workers may build at once. */
async function build(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const stage = await mkdtemp(`${folder}-`);
  const config = {
    tool: 'sandbox-tools',
    targets: ['amd64-any', 'arm64-any'],
    build: { driver: 'bun', entry: join(SOURCES, 'src/main.ts') },
    stores: ['file:./store'],
  };
  await writeFile(join(stage, 'toolcrib.json'), JSON.stringify(config));
  await writeFile(join(stage, 'tool-version.txt'), await readFile(join(SOURCES, 'tool-version.txt')));
  for (const command of ['build', 'publish']) {
    const env = { ...networkEnvironment(), HOME: process.env['HOME'] ?? '/', TOOLCRIB_CACHE_DIR: STATE };
    const end = await toolcrib([command], { cwd: stage, env });
    if (end.code !== 0) throw new Error(`toolcrib ${command} of the tool that ships failed:\n${end.stderr}`);
  }
  // A worker that was faster has built the same bytes.
  await rename(stage, folder).catch(() => rm(stage, { recursive: true }));
}
