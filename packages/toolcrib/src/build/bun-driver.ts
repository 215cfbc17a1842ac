import { join } from 'node:path';
import { archFrom, type Target } from '../core/target.ts';
import { CheckError } from '../core/errors.ts';
import { BUN_RUNTIMES, type BunRuntime } from './bun-runtimes.ts';
import { runCommand } from './command.ts';
import { fetchRuntime, type Toolchain } from './toolchain.ts';

/** What Bun compiles. */
export interface BunBuild {
  readonly tool: string;
  readonly version: number;
  /** In its written form; the program reads it as `__TOOLCRIB_TARGET__`. */
  readonly targetName: string;
  readonly target: Target;
  /** Absolute path of the TypeScript entry. */
  readonly entry: string;
}

/** Bun's words for its own targets. */
const BUN_ARCH = { amd64: 'x64', arm64: 'arm64' } as const;

/** What was compiled, and on what it runs. */
export interface BunResult {
  /** Path of the executable. */
  readonly executable: string;
  readonly runtime: BunRuntime;
}

/**
 * Compiles a TypeScript entry to an executable. The same sources give the same bytes in any folder: they are bundled to
 * one file first, because paths and names end up in the executable. Bun never downloads: its runtimes are given to it.
 * @param stage an empty directory; what is in it has fixed names.
 * @throws CheckError `BUILD_FAILED`; as fetching a runtime.
 */
export async function compileWithBun(toolchain: Toolchain, build: BunBuild, stage: string): Promise<BunResult> {
  const runtime = BUN_RUNTIMES[build.target.arch][runtimeLibc(build.target)];
  const compiler = await fetchRuntime(toolchain, compilerOfHost());
  const carrier = await fetchRuntime(toolchain, runtime);
  const bundle = join(stage, 'bundle.js');
  const bun = (what: string, cwd: string, args: readonly string[]) =>
    runCommand({
      ...{ program: compiler, args: ['build', ...args], launcher: toolchain.launcher },
      ...{ cwd, signal: toolchain.signal, onOutput: toolchain.onOutput },
      // Nothing of the user's environment may end up in the program, and no configuration file beside HOME counts.
      env: { PATH: toolchain.env['PATH'], HOME: stage, TMPDIR: stage },
      what: `${what} ${build.entry}`,
    });
  await bun('bundling', toolchain.folder, bundleArguments(build, bundle));
  await bun('compiling', stage, [
    ...['--compile', `--target=bun-linux-${BUN_ARCH[build.target.arch]}${build.target.libc === 'musl' ? '-musl' : ''}`],
    `--compile-executable-path=${carrier}`,
    // The working directory of the tool is not trusted: nothing there may change what it does.
    ...['dotenv', 'bunfig', 'tsconfig', 'package-json'].map((file) => `--no-compile-autoload-${file}`),
    ...['bundle.js', '--outfile', build.tool],
  ]);
  return { executable: join(stage, build.tool), runtime };
}

function bundleArguments(build: BunBuild, bundle: string): readonly string[] {
  const constants = {
    __TOOLCRIB_VERSION__: build.version,
    __TOOLCRIB_TARGET__: build.targetName,
    'process.env.NODE_ENV': 'production',
  };
  return [
    ...[build.entry, '--target=bun', '--minify', '--sourcemap=none', '--env=disable'],
    ...Object.entries(constants).flatMap(([name, value]) => ['--define', `${name}=${JSON.stringify(value)}`]),
    ...['--outfile', bundle],
  ];
}

/** An artifact for `any` is a glibc program that carries its glibc. */
function runtimeLibc({ libc }: Target): 'glibc' | 'musl' {
  return libc === 'musl' ? 'musl' : 'glibc';
}

function compilerOfHost(): BunRuntime {
  const arch = archFrom(process.arch);
  if (process.platform === 'linux' && arch !== undefined) return BUN_RUNTIMES[arch].glibc;
  throw new CheckError('BUILD_FAILED', `the bun driver cannot build on ${process.platform} ${process.arch}`, {
    hint: 'build on Linux (amd64 or arm64), for instance in CI',
  });
}
