import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../integration/build/samples.ts';
import { sandboxToolsProject } from '../integration/flows/sandbox-tools.ts';
import { cliEnvironment } from '../integration/cli/command-line.ts';

const run = promisify(execFile);
const CPU = process.arch === 'arm64' ? 'arm64' : 'x64';

/** A folder of a user who installed the packed tarballs with npm, and nothing else. */
export interface InstalledPackage extends AsyncDisposable {
  readonly folder: string;
  /** The project that the platform package's artifact was built from. */
  readonly tools: string;
  /** Runs a shell script there, with the installed `toolcrib` on the PATH. */
  shell(script: string): Promise<{ readonly stdout: string; readonly stderr: string }>;
  /** Runs Node there, of this version or of Node 22. */
  node(version: '22' | '24', ...args: readonly string[]): Promise<string>;
  /** For a program that is started there by other means. */
  readonly env: Readonly<Record<string, string>>;
}

/** Bundles, packs and installs, without any registry. */
export async function installPackage(): Promise<InstalledPackage> {
  const tools = await sandboxToolsProject();
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-installed-'));
  await pack(join(folder, 'packed'), join(tools.folder, 'binaries'));
  const tarballs = (await readdir(join(folder, 'packed'))).filter((name) =>
    /^(?:toolcrib|sandbox-tools-linux-|tracer-linux-)/.test(name),
  );
  const wanted = tarballs.filter((name) => !name.includes('-linux-') || name.includes(`-linux-${CPU}-`));
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const install = ['install', '--offline', '--no-audit', '--no-fund', ...wanted.map((name) => `./packed/${name}`)];
  await run('npm', install, { cwd: folder, env: { ...process.env, npm_config_cache: join(folder, 'npm-cache') } });
  const bin = join(folder, 'node_modules/.bin');
  const base = cliEnvironment(folder);
  const env = { ...base, PATH: `${bin}:${join(process.execPath, '..')}:${base['PATH'] ?? ''}` };
  return {
    folder,
    tools: tools.folder,
    env,
    shell: (script) => run('/bin/sh', ['-e', '-c', script], { cwd: folder, env }),
    async node(version, ...args) {
      const chosen = version === '22' ? ['--22', ...args] : args;
      return (await run(join(REPOSITORY, 'scripts/node'), chosen, { cwd: folder, env })).stdout;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function pack(out: string, binaries: string): Promise<void> {
  await mkdir(out);
  for (const script of [['build.mjs'], ['pack.mjs', out, '--binaries', binaries]]) {
    await run(process.execPath, [join(REPOSITORY, 'scripts', script[0] ?? ''), ...script.slice(1)], {
      cwd: REPOSITORY,
    });
  }
}

/** Makes a project beside the installed package, of the artifacts that are built already. */
export async function projectBeside({ folder, tools }: InstalledPackage): Promise<void> {
  for (const path of ['toolcrib.json', 'tool-version.txt', 'binaries']) {
    await cp(join(tools, path), join(folder, path), { recursive: true });
  }
}

/** Bytes that a folder takes, without the artifacts of the tool that ships. */
export async function sizeWithoutArtifact(folder: string): Promise<number> {
  const { stdout } = await run('du', ['--bytes', '--summarize', '--exclude=sandbox-tools-*-v*', folder]);
  return Number.parseInt(stdout, 10);
}
