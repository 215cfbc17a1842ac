import { chmod, lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildConfig, ProjectConfig } from '../config/config.ts';
import { formatArtifactName, type ArtifactName } from '../core/artifact-name.ts';
import type { Digest } from '../core/digest.ts';
import { CheckError, IntegrityError, isSystemError, UsageError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import { formatTarget, type Arch, type Target } from '../core/target.ts';
import { onDisk, storageError } from '../disk/storage-error.ts';
import { publishTemporary } from '../disk/write-file.ts';
import { compileWithBun } from './bun-driver.ts';
import { runCommand } from './command.ts';
import { buildWithDocker } from './docker-driver.ts';
import { DEBIAN_LIBC, type DebianPin } from './debian-libc.ts';
import { examineArtifact, MEDIA_TYPES, type BuiltArtifact } from './examine-artifact.ts';
import { writeSelfContained } from './self-contained.ts';
import { withScratch } from './scratch.ts';
import type { Toolchain } from './toolchain.ts';

export type { BuiltArtifact } from './examine-artifact.ts';

/** What is to be built, and with what. */
export interface BuildRequest {
  readonly config: ProjectConfig;
  readonly version: number;
  readonly target: Target;
  /** A local build: `-dev` in its name. */
  readonly dev: boolean;
  /** Where the artifact becomes visible under its own name, once it is checked. */
  readonly outputDirectory: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Directory of verified downloads of compilers and libraries. */
  readonly toolchainCache: string;
  /** True: nothing is fetched for the build. What a build command does is its own affair. */
  readonly offline: boolean;
  /** Environment of build commands, npm and apt. */
  readonly env: NodeJS.ProcessEnv;
  /** Other glibc packages than those that toolcrib pins. */
  readonly libcPackages?: Readonly<Record<Arch, DebianPin>>;
  /** What it has to be before it becomes visible; undefined: anything that passes the checks. */
  readonly pin?: Digest | undefined;
  /** Starts whatever runs code of the project: see `Command`. */
  readonly launcher?: readonly string[] | undefined;
  /** Is given what build programs write, as they write it. */
  readonly onOutput?: ((bytes: Uint8Array) => void) | undefined;
}

/**
 * Builds one artifact. Nothing is visible in the output directory before it was checked; what was there under the same
 * name is replaced as a whole. On any end nothing else is left, and no process of the build runs any more.
 * @throws UsageError `CONFIG_INVALID` without a `build` in the configuration; CheckError `BUILD_FAILED` with the tail of
 * the output, or telling why the output is no artifact; IntegrityError `DIGEST_MISMATCH` when it is not what is pinned;
 * NotFoundError, IntegrityError or RemoteError (`OFFLINE` among them) for parts that have to be fetched; InterruptedError.
 */
export async function buildArtifact(request: BuildRequest): Promise<BuiltArtifact> {
  const { config, target, version, dev } = request;
  const artifact: ArtifactName = { tool: config.tool, target, version, dev };
  const build = buildConfigOf(config);
  return withScratch(request.outputDirectory, async (scratch) => {
    request.reporter.notice({ kind: 'step', text: `building ${formatArtifactName(artifact)} (${build.driver})` });
    const output = join(scratch, 'output');
    await drive(request, build, scratch, output);
    await verifyProduced(output, artifact, build);
    const examined = await examineArtifact(output, artifact, config.entrypoint, request.signal);
    verifyPin(examined, request.pin);
    return await publish(request, examined);
  });
}

function verifyPin({ name, digest }: BuiltArtifact, pin: Digest | undefined): void {
  if (pin === undefined || digest === pin) return;
  throw new IntegrityError('DIGEST_MISMATCH', `${name} was built as ${digest}, and ${pin} is pinned: it was not kept`, {
    hint: 'this machine does not build what was published; TOOLCRIB_INSTALL_STATE=edited takes a build of your own, as -dev',
    details: { name, expected: pin, actual: digest },
  });
}

function buildConfigOf(config: ProjectConfig): BuildConfig {
  if (config.build !== undefined) return config.build;
  throw new UsageError('CONFIG_INVALID', `${config.file} does not say how ${config.tool} is built`, {
    hint: 'set "build", e.g. {"driver": "bun", "entry": "src/main.ts"}',
  });
}

async function drive(request: BuildRequest, build: BuildConfig, scratch: string, output: string): Promise<void> {
  switch (build.driver) {
    case 'bun': {
      await buildWithBun(request, build.entry, scratch, output);
      return;
    }
    case 'command': {
      await buildWithCommand(request, build.command, output);
      return;
    }
    case 'docker': {
      const { config, version, target, env, signal, offline, reporter, launcher, onOutput } = request;
      const { tool, folder } = config;
      const targetName = formatTarget(target);
      const place = { folder, stage: scratch, output, env, offline, reporter, signal, launcher, onOutput };
      await buildWithDocker({ tool, version, target, targetName, build, ...place });
      return;
    }
  }
}

async function buildWithCommand(request: BuildRequest, command: string, output: string): Promise<void> {
  const { config, target, version, env, signal, launcher, onOutput } = request;
  await runCommand({
    ...{ program: '/bin/sh', args: ['-c', command], launcher, cwd: config.folder, signal, onOutput },
    env: {
      ...env,
      TOOLCRIB_ARCH: target.arch,
      TOOLCRIB_LIBC: target.libc,
      TOOLCRIB_VERSION: String(version),
      TOOLCRIB_OUTPUT: output,
    },
    what: `the build command of ${config.tool} for ${formatTarget(target)}`,
  });
}

async function buildWithBun(request: BuildRequest, entry: string, scratch: string, output: string): Promise<void> {
  const { config, target, version, env, signal, offline, reporter, launcher, onOutput } = request;
  const toolchain: Toolchain = {
    cache: request.toolchainCache,
    folder: config.folder,
    env,
    reporter,
    signal,
    offline,
    launcher,
    onOutput,
  };
  const build = { tool: config.tool, version, target, targetName: formatTarget(target), entry };
  await withScratch(scratch, async (stage) => {
    const compiled = await compileWithBun(toolchain, build, stage);
    if (target.libc === 'any') {
      const pins = request.libcPackages ?? DEBIAN_LIBC;
      await writeSelfContained(toolchain, { ...build, ...compiled, healthcheck: config.healthcheck }, pins, output);
    } else {
      await publishTemporary(compiled.executable, output);
    }
  });
}

/** @throws CheckError unless a file stands there that is no link. */
async function verifyProduced(output: string, artifact: ArtifactName, build: BuildConfig): Promise<void> {
  try {
    if ((await lstat(output)).isFile()) return;
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw storageError(error, 'examine', output);
  }
  throw new CheckError('BUILD_FAILED', `the build of ${formatArtifactName(artifact)} ended well, but made no file`, {
    hint: PRODUCED_BY[build.driver],
  });
}

const PRODUCED_BY: Readonly<Record<BuildConfig['driver'], string>> = {
  bun: 'see its output',
  command: 'the command has to write one file to $TOOLCRIB_OUTPUT',
  docker: 'what "output" of the configuration names has to be a file of the image, no link and no folder',
};

/** Makes a checked file visible under its own name. */
async function publish(request: BuildRequest, examined: BuiltArtifact): Promise<BuiltArtifact> {
  const path = join(request.outputDirectory, examined.name);
  await onDisk('write', examined.path, async () => {
    await chmod(examined.path, examined.mediaType === MEDIA_TYPES.elf ? 0o755 : 0o644);
    const handle = await open(examined.path, 'r');
    await handle.sync().finally(() => handle.close());
  });
  await publishTemporary(examined.path, path);
  return { ...examined, path };
}
