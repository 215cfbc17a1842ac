import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Container, ContainerOptions, TestImage } from './docker.ts';
import { listens } from './listening.ts';

const run = promisify(execFile);

/** Whose containers they are: those of root, or those of a user without any privilege. */
export type PodmanKind = 'rootful' | 'rootless';

/** The images that `scripts/servers/podman` hands on from the Docker Engine. */
export type PodmanImage = Extract<TestImage, 'toolcrib-test/busybox' | 'toolcrib-test/static'>;

const state = process.env['TOOLCRIB_TEST_STATE'] ?? join(tmpdir(), `toolcrib-test-${process.getuid?.() ?? 0}`);

/** The user of the rootless service, which has ranges of further uids. */
export const PODMAN_USER = 'toolcrib-test-podman';

/** The value of XDG_RUNTIME_DIR for the user of the rootless service: its socket is where Podman has it by default. */
export const ROOTLESS_RUNTIME = `/var/lib/${PODMAN_USER}/run`;

/** Where the services of `scripts/servers/podman` listen. */
export const podmanSockets: Readonly<Record<PodmanKind, string>> = {
  rootful: join(state, 'podman', 'podman.sock'),
  rootless: join(ROOTLESS_RUNTIME, 'podman', 'podman.sock'),
};

/** Runs the podman client with a service; resolves with what it wrote to stdout, without the last newline. */
export async function podman(kind: PodmanKind, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run('podman', ['--url', `unix://${podmanSockets[kind]}`, ...args], { maxBuffer: 2 ** 26 });
  return stdout.replace(/\n$/, '');
}

/** Why tests with containers of this service cannot run here, or `undefined` when they can. */
export async function podmanAvailable(kind: PodmanKind): Promise<string | undefined> {
  try {
    await podman(kind, 'image', 'inspect', 'toolcrib-test/busybox', 'toolcrib-test/static');
    return undefined;
  } catch {
    return `no ${kind} Podman answers that has the test images (scripts/setup starts one)`;
  }
}

/** Starts a container and returns once its process runs. */
export async function startPodmanContainer(
  kind: PodmanKind,
  options: ContainerOptions & { readonly image: PodmanImage },
): Promise<Container> {
  const name = `toolcrib-test-${randomUUID()}`;
  const labels = Object.entries(options.labels ?? {}).flatMap(([key, value]) => ['--label', `${key}=${value}`]);
  const command = options.image === 'toolcrib-test/static' ? [] : ['sleep', 'infinity'];
  const remove = async () => {
    await podman(kind, 'rm', '--force', '--ignore', '--time', '0', '--volumes', name);
  };
  const id = await podman(
    kind,
    ...['run', '--detach', '--name', name, '--network', options.network ?? 'none'],
    ...['--label', `toolcrib-test.pid=${process.pid}`, ...labels],
    ...(options.args ?? []),
    options.image,
    ...(options.command ?? command),
  ).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  return { id, name, [Symbol.asyncDispose]: remove };
}

/** A service of its own over the containers of the rootful one. */
export interface PodmanService extends AsyncDisposable {
  readonly socket: string;
  /** As when its process crashes. */
  kill(): void;
}

/** Starts a further service; resolves once it listens. */
export async function startPodmanService(): Promise<PodmanService> {
  const folder = await mkdtemp(join(tmpdir(), 'podman-'));
  const socket = join(folder, 'podman.sock');
  const home = join(state, 'podman');
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_RUNTIME_DIR: join(home, 'run'),
    CONTAINERS_CONF: join(home, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(home, 'storage.conf'),
  };
  const child = spawn('podman', ['system', 'service', '--time', '0', `unix://${socket}`], { env, stdio: 'ignore' });
  const ended = once(child, 'exit');
  while (!(await listens({ path: socket })) && child.exitCode === null) await sleep(50);
  return {
    socket,
    kill: () => child.kill('SIGKILL'),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}
