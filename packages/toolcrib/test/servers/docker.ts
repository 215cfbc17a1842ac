import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Debian's client before any other; both speak to the same engine. */
export const DOCKER = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker';

/** Names the process that started a container: scripts/servers/docker removes those whose process is gone. */
const OWNER_LABEL = 'toolcrib-test.pid';

/** The images that `scripts/setup` makes. */
export type TestImage =
  | 'toolcrib-test/busybox'
  | 'toolcrib-test/static'
  | 'toolcrib-test/debian'
  | 'toolcrib-test/musl'
  | 'toolcrib-test/arm64'
  | 'toolcrib-test/old-glibc';

/** Runs the docker client; resolves with what it wrote to stdout, without the last newline. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(DOCKER, args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout.replace(/\n$/, '');
}

async function engineMissing(): Promise<string | undefined> {
  try {
    await docker('version', '--format', '{{.Server.Version}}');
    return undefined;
  } catch {
    return 'no Docker Engine answers (scripts/setup starts one)';
  }
}

async function imageMissing(image: TestImage): Promise<string | undefined> {
  try {
    await docker('image', 'inspect', image);
    return undefined;
  } catch {
    return `the image ${image} is missing (scripts/setup makes it)`;
  }
}

/** Why tests with containers of these images cannot run here, or `undefined` when they can. */
export async function dockerAvailable(...images: readonly TestImage[]): Promise<string | undefined> {
  const engine = await engineMissing();
  if (engine !== undefined) return engine;
  const missing = await Promise.all(images.map(imageMissing));
  return missing.find((reason) => reason !== undefined);
}

/** What a container is started with. Everything but the image has a default. */
export interface ContainerOptions {
  readonly image: TestImage;
  /** Further arguments of `docker run`, before the image, e.g. `['--read-only', '--tmpfs', '/tmp']`. */
  readonly args?: readonly string[];
  /** What it runs; by default it waits until it is removed. */
  readonly command?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Default `none`: a sandbox has no network unless a test is about one. */
  readonly network?: string;
}

/** A running container, removed at the end of its `await using` scope. */
export interface Container extends AsyncDisposable {
  readonly id: string;
  readonly name: string;
}

const defaultCommand = (image: TestImage): readonly string[] =>
  image === 'toolcrib-test/static' ? [] : ['sleep', 'infinity'];

/** Starts a container and returns once its process runs. */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const name = `toolcrib-test-${randomUUID()}`;
  const labels = Object.entries(options.labels ?? {}).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
  const id = await docker(
    ...['run', '--detach', '--name', name, '--network', options.network ?? 'none'],
    ...['--label', `${OWNER_LABEL}=${process.pid}`, ...labels],
    ...(options.args ?? []),
    options.image,
    ...(options.command ?? defaultCommand(options.image)),
  ).catch(async (error: unknown) => {
    // A container whose command cannot be started exists all the same.
    await removeContainer(name);
    throw error;
  });
  return { id, name, [Symbol.asyncDispose]: () => removeContainer(name) };
}

/** Removes a container with its volumes; that it is gone already is fine. */
async function removeContainer(name: string): Promise<void> {
  await docker('rm', '--force', '--volumes', name).catch((error: unknown) => {
    if (!String(error).includes('No such container')) throw error;
  });
}
