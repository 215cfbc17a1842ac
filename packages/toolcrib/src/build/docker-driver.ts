import { basename, join } from 'node:path';
import type { BuildConfig } from '../config/config.ts';
import { CheckError, messageOf, RemoteError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import type { Target } from '../core/target.ts';
import { readSmallText } from '../disk/small-file.ts';
import { runCommand } from './command.ts';

/** What Docker builds, and where it ends. */
export interface DockerBuild {
  readonly tool: string;
  readonly version: number;
  readonly target: Target;
  /** In its written form. */
  readonly targetName: string;
  readonly build: Extract<BuildConfig, { readonly driver: 'docker' }>;
  /** The configuration's folder. */
  readonly folder: string;
  /** An empty directory of a name that nothing else has. */
  readonly stage: string;
  /** Where the file that the image holds is put. */
  readonly output: string;
  /** Environment of the `docker` program: it decides on the engine. */
  readonly env: NodeJS.ProcessEnv;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** True: nothing may be fetched, so that nothing is built. */
  readonly offline: boolean;
  /** Starts the `docker` program: see `Command`. */
  readonly launcher?: readonly string[] | undefined;
  readonly onOutput: ((bytes: Uint8Array) => void) | undefined;
}

/** Above any name that an engine gives an image, in bytes. */
const MAX_ID_BYTES = 256;
/** The engine has so long to remove a container that never ran, in milliseconds. */
const REMOVE_MS = 30_000;

/**
 * Builds an image for the target's platform and takes one file out of it. The container that this takes never runs, and
 * is removed; images stay, for they make the next build fast.
 * @throws CheckError `BUILD_FAILED` with the tail of what docker wrote; RemoteError `OFFLINE`; InterruptedError.
 */
export async function buildWithDocker(build: DockerBuild): Promise<void> {
  if (build.offline) throw notAsked(build);
  const image = await buildImage(build);
  const container = `toolcrib-build-${basename(build.stage).replaceAll(/[^\w.-]/g, '')}`;
  try {
    await docker(build, 'creating a container of it', [
      ...['create', '--name', container, '--network', 'none', '--label', 'toolcrib.build'],
      // It never runs, but an image need not say what would.
      ...[image, '/never-started'],
    ]);
    await docker(build, `taking ${build.build.output} out of it`, [
      'cp',
      `${container}:${build.build.output}`,
      build.output,
    ]);
  } finally {
    await remove(build, container);
  }
}

/**
 * An engine fetches on its own what a Dockerfile names: images of any stage, the builder's own syntax, what `ADD` and `RUN`
 * ask for. It has no switch that rules all of that out.
 */
function notAsked({ tool, targetName, build }: DockerBuild): RemoteError {
  const why = 'no engine can be kept from fetching what a Dockerfile names';
  return new RemoteError('OFFLINE', `offline: ${tool} for ${targetName} was not built with docker: ${why}`, {
    hint: 'run it without --offline, or build it elsewhere and carry it here: docs/guides/air-gap.md',
    details: { tool, target: targetName, dockerfile: build.dockerfile },
  });
}

/** Its id. */
async function buildImage(build: DockerBuild): Promise<string> {
  const { version, target } = build;
  const { context, dockerfile } = build.build;
  const file = join(build.stage, 'image');
  const values = { TOOLCRIB_ARCH: target.arch, TOOLCRIB_LIBC: target.libc, TOOLCRIB_VERSION: String(version) };
  await docker(build, 'the image', [
    // Else the classic builder leaves the container of a step that failed.
    ...['build', '--force-rm', '--platform', `linux/${target.arch}`, '--file', dockerfile, '--iidfile', file],
    ...Object.entries(values).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
    context,
  ]);
  const id = (await readSmallText(file, MAX_ID_BYTES)).trim();
  if (/^sha256:[0-9a-f]{64}$/.test(id)) return id;
  throw new CheckError('BUILD_FAILED', `docker build says that the image is ${JSON.stringify(id)}, expected sha256:…`, {
    hint: 'is "docker" on the PATH the program of that name?',
  });
}

async function docker(
  { tool, targetName, folder, env, signal, launcher, onOutput }: DockerBuild,
  what: string,
  args: readonly string[],
): Promise<void> {
  const said = `building ${tool} for ${targetName} with docker: ${what}`;
  await runCommand({ program: 'docker', args, launcher, cwd: folder, env, signal, onOutput, what: said });
}

/** Also after an interruption; what it leaves is said. */
async function remove(build: DockerBuild, container: string): Promise<void> {
  const signal = AbortSignal.timeout(REMOVE_MS);
  try {
    await docker({ ...build, signal, onOutput: undefined }, 'removing its container', [
      'rm',
      '--force',
      '--volumes',
      container,
    ]);
  } catch (error) {
    if (/no such container/i.test(messageOf(error))) return;
    const text = `the container ${container} may still be there: ${messageOf(error)}`;
    build.reporter.notice({ kind: 'warning', text, hint: `docker rm --force ${container}` });
  }
}
