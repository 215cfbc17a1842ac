import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/flows/host.ts';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import { openExecSandbox } from '../../../src/sandboxes/exec/exec-sandbox.ts';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import { startDockerDaemon } from '../../servers/docker-daemon.ts';
import { docker, startContainer, type TestImage } from '../../servers/docker.ts';
import { relayEngine } from '../../servers/engine-relay.ts';
import {
  PODMAN_USER,
  podmanSockets,
  ROOTLESS_RUNTIME,
  startPodmanContainer,
  type PodmanImage,
  type PodmanKind,
} from '../../servers/podman.ts';
import { unpackRoot } from '../../servers/root-directory.ts';
import { toolcrib } from '../cli/command-line.ts';
import type { Contents, HardTarget, OpenTarget } from './target.ts';

/** A container of the Docker Engine. */
export interface ContainerTarget extends Pick<HardTarget, 'name' | 'install' | 'copy'> {
  /** Default: the small static program. */
  readonly content?: HardTarget['content'];
  /** Default: a static busybox. */
  readonly image?: TestImage;
  /** Of `docker run`. */
  readonly args?: readonly string[];
  /** What root does in it before: a shell script. */
  readonly prepare?: string;
}

const BUSYBOX = 'toolcrib-test/busybox';

export function inDocker(options: ContainerTarget): HardTarget {
  const { image = BUSYBOX, args = [], prepare, content = 'a static program', ...rest } = options;
  const open = async () => {
    const container = await startContainer({ image, args });
    if (prepare !== undefined) await docker('exec', '--user', '0', container.name, '/bin/sh', '-c', prepare);
    const sandbox = await openDockerSandbox(container.name, { env: process.env });
    return { sandbox, [Symbol.asyncDispose]: closing(sandbox, container) };
  };
  return { ...rest, content, open };
}

/** A container of the Docker Engine that is made with what `toolcrib mount-args` prints for the tool that ships. */
export function inMountedDocker(
  options: Pick<ContainerTarget, 'name' | 'image' | 'args'> & {
    /** Where the tree is on this machine; default: a directory. */
    readonly from?: 'directory' | 'volume';
  },
): HardTarget {
  const { name, image = BUSYBOX, args = [], from = 'directory' } = options;
  const open = async (contents: Contents) => {
    await using opened = new AsyncDisposableStack();
    const volume = `toolcrib-test-${randomUUID()}`;
    // One that was not made is fine.
    opened.defer(async () => {
      await docker('volume', 'rm', '--force', volume);
    });
    const mount = await mountArgs(contents, from === 'volume' ? ['--volume', volume] : []);
    const container = opened.use(await startContainer({ image, args: [...mount, ...args] }));
    const sandbox = await openDockerSandbox(container.name, { env: process.env });
    opened.defer(() => sandbox.close());
    const all = opened.move();
    return { sandbox, [Symbol.asyncDispose]: () => all.disposeAsync() };
  };
  return { name, content: 'the tool that ships', open };
}

/** Arguments of `docker run`, as a shell would split them. */
async function mountArgs({ toolFolder, cache }: Contents, options: readonly string[]): Promise<readonly string[]> {
  const env = { TOOLCRIB_CACHE_DIR: cache };
  const end = await toolcrib(['mount-args', ...options], { cwd: toolFolder, env });
  if (end.code !== 0) throw new Error(`toolcrib mount-args failed: ${end.stderr}`);
  return end.stdout.trim().split(' ');
}

/** A container of Podman, of root or of a user. */
export function inPodman(
  kind: PodmanKind,
  options: Pick<ContainerTarget, 'name' | 'content' | 'args'> & { readonly image?: PodmanImage },
): HardTarget {
  const { name, content = 'a static program', image = BUSYBOX, args = [] } = options;
  const env = {
    rootful: { CONTAINER_HOST: `unix://${podmanSockets.rootful}` },
    rootless: { XDG_RUNTIME_DIR: ROOTLESS_RUNTIME },
  }[kind];
  const open = async () => {
    const container = await startPodmanContainer(kind, { image, args });
    const sandbox = await openDockerSandbox(container.name, { scheme: 'podman', env });
    return { sandbox, [Symbol.asyncDispose]: closing(sandbox, container) };
  };
  return { name, content, open };
}

/** A container of the Docker Engine that is only reached by executing something in it. */
export function behindPrefix(
  options: ContainerTarget & { readonly prefix: (name: string) => readonly string[] },
): HardTarget {
  const { image = BUSYBOX, args = [], prepare, prefix, content = 'a static program', ...rest } = options;
  const open = async () => {
    const container = await startContainer({ image, args });
    if (prepare !== undefined) await docker('exec', '--user', '0', container.name, '/bin/sh', '-c', prepare);
    const words = prefix(container.name);
    const more = { env: process.env, clock: systemClock, random: randomBytes };
    const sandbox = await openExecSandbox(words, { reference: `exec:${words.join(' ')}`, ...more });
    return { sandbox, [Symbol.asyncDispose]: closing(sandbox, container) };
  };
  return { ...rest, content, open };
}

/** A container of the Docker Engine that is reached over TCP: for its clients, on another machine. */
export function inRemoteDocker(options: Pick<ContainerTarget, 'name' | 'image' | 'args' | 'content'>): HardTarget {
  const { name, image = BUSYBOX, args = [], content = 'a static program' } = options;
  const open = async () => {
    await using opened = new AsyncDisposableStack();
    const container = opened.use(await startContainer({ image, args }));
    const relay = opened.use(await relayEngine());
    const sandbox = await openDockerSandbox(container.name, { env: relay.env });
    opened.defer(() => sandbox.close());
    const all = opened.move();
    return { sandbox, [Symbol.asyncDispose]: () => all.disposeAsync() };
  };
  return { name, content, open };
}

/** A container of another Docker Engine, which maps the users of containers to others of this machine. */
export function inMappedDocker(options: Pick<ContainerTarget, 'name' | 'args'>): HardTarget {
  const { name, args = [] } = options;
  const open = async () => {
    const daemon = await startDockerDaemon(BUSYBOX, [`--userns-remap=${PODMAN_USER}`]);
    const id = await daemon.docker('run', '--detach', '--network', 'none', ...args, BUSYBOX, 'sleep', 'infinity');
    const env = { DOCKER_HOST: daemon.host, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: daemon.certificates };
    const sandbox = await openDockerSandbox(id, { env });
    return { sandbox, [Symbol.asyncDispose]: closing(sandbox, daemon) };
  };
  return { name, content: 'a static program', open };
}

/** What root in a container does again and again: a directory of the host is where its links lead. */
const DISTURB = `p=/var/lib/toolcrib
while :; do
  mv $p $p.was && ln -s /mnt/host $p && rm $p; mv $p.was $p
  for d in $p/*; do
    [ -d "$d" ] || continue
    mv "$d" $p/moved && ln -s /mnt/host "$d" && rm "$d"; mv $p/moved "$d"
    : > "$d/note.txt"; mv "$d/lib" "$d/bil"; ln -s /mnt/host "$d/lib"
  done
done`;

/** A container in which root disturbs whoever places something, with a directory of this machine that is not to be written. */
export function inDisturbedDocker(options: Pick<ContainerTarget, 'name' | 'args'>): HardTarget {
  const { name, args = [] } = options;
  const open = async () => {
    const host = await mkdtemp(join(tmpdir(), 'hard-target-'));
    const container = await startContainer({ image: BUSYBOX, args: [...args, '--volume', `${host}:/mnt/host:ro`] });
    const script = `mkdir -p /var/lib/toolcrib; ${DISTURB}`;
    await docker('exec', '--detach', '--user', '0', container.name, '/bin/sh', '-c', script);
    const sandbox = await openDockerSandbox(container.name, { env: process.env });
    const close = closing(sandbox, container);
    const verify = async () => {
      const written = await readdir(host);
      if (written.length > 0) throw new Error(`outside was written: ${written.join(', ')}`);
    };
    return { sandbox, verify, [Symbol.asyncDispose]: () => close().finally(() => rm(host, { recursive: true })) };
  };
  return { name, content: 'a static program', restless: true, open };
}

/** A directory of this machine: empty, or with the root file system of an image. */
export function inDirectory(options: Pick<ContainerTarget, 'name' | 'content' | 'image'>): HardTarget {
  const { name, content = 'a static program', image } = options;
  const open = async () => {
    const directory = image === undefined ? await mkdtemp(join(tmpdir(), 'hard-target-')) : await unpackRoot(image);
    const sandbox = await openLocalSandbox(directory, { env: process.env });
    return { sandbox, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
  };
  return { name, content, open };
}

function closing(sandbox: OpenTarget['sandbox'], container: AsyncDisposable): () => Promise<void> {
  return async () => {
    await sandbox.close();
    await container[Symbol.asyncDispose]();
  };
}
