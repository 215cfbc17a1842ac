import { RemoteError } from '../../core/errors.ts';
import type { SandboxIdentity, SandboxMount } from '../sandbox.ts';
import type { Engine, EngineDialect } from './engine.ts';
import { fieldOf, keysOf, listOf, textOf } from '../../core/json-fields.ts';
import { libertiesOf } from './liberties.ts';

/** What every container has mounted besides what the engine lists. */
const OWN_MOUNTS: readonly SandboxMount[] = ['/dev', '/proc', '/sys'].map((path) => ({
  path,
  kind: 'other',
  writable: false,
  executable: false,
}));

/**
 * Reads a container as `GET /containers/{id}/json` tells it.
 * @param container the parsed answer.
 * @param image the parsed answer of `GET /images/{id}/json`; undefined when the image is gone.
 * @throws RemoteError `REMOTE_REFUSED` when the answer has no id.
 */
export function identityOf(
  container: unknown,
  image: unknown,
  { endpoint, dialect }: Pick<Engine, 'endpoint' | 'dialect'>,
): SandboxIdentity {
  const id = textOf(container, 'Id');
  if (id === undefined) {
    throw new RemoteError('REMOTE_REFUSED', `the engine at ${endpoint.address} described a container without id`);
  }
  return {
    engine: endpoint.address,
    id,
    startedAt: textOf(container, 'State', 'StartedAt') ?? '',
    arch: textOf(image, 'Architecture'),
    user: textOf(container, 'Config', 'User') ?? '',
    cwd: textOf(container, 'Config', 'WorkingDir') || '/',
    env: envOf(listOf(container, 'Config', 'Env')),
    readOnlyRoot: fieldOf(container, 'HostConfig', 'ReadonlyRootfs') === true,
    mounts: mountsOf(container, dialect),
    liberties: libertiesOf(container),
  };
}

function envOf(list: readonly unknown[]): Record<string, string> {
  const pairs = list.filter((entry) => typeof entry === 'string').map((entry) => splitPair(entry));
  return Object.fromEntries(pairs);
}

function splitPair(entry: string): [string, string] {
  const cut = entry.indexOf('=');
  return cut < 0 ? [entry, ''] : [entry.slice(0, cut), entry.slice(cut + 1)];
}

function mountsOf(container: unknown, dialect: EngineDialect): SandboxMount[] {
  const bound = bindOptionsOf(container);
  const listed = listOf(container, 'Mounts').flatMap((mount) => mountOf(mount, bound));
  const tmpfs = keysOf(container, 'HostConfig', 'Tmpfs').map((path) => {
    const options = (textOf(container, 'HostConfig', 'Tmpfs', path) ?? '').split(',');
    // Docker mounts a tmpfs noexec unless it is told otherwise, Podman does not.
    const executable = dialect === 'podman' ? !options.includes('noexec') : options.includes('exec');
    return { path: trimmed(path), kind: 'tmpfs' as const, writable: !options.includes('ro'), executable };
  });
  return [...OWN_MOUNTS, ...listed, ...tmpfs].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Options of volumes and binds by their path: `Binds` has them as `SOURCE:PATH:OPTIONS`. */
function bindOptionsOf(container: unknown): ReadonlyMap<string, readonly string[]> {
  const binds = listOf(container, 'HostConfig', 'Binds').filter((bind) => typeof bind === 'string');
  return new Map(
    binds.map((bind) => {
      const [, path = '', options = ''] = bind.split(':');
      return [trimmed(path), options.split(',')];
    }),
  );
}

function mountOf(mount: unknown, bound: ReadonlyMap<string, readonly string[]>): SandboxMount[] {
  const path = textOf(mount, 'Destination');
  if (path === undefined) return [];
  const type = textOf(mount, 'Type');
  const kind = type === 'bind' || type === 'volume' || type === 'tmpfs' ? type : 'other';
  // Engines leave RW out for tmpfs mounts, which are writable.
  const writable = fieldOf(mount, 'RW') !== false || type === 'tmpfs';
  const executable = bound.get(trimmed(path))?.includes('noexec') !== true;
  const source = textOf(mount, 'Source') ?? '';
  return [{ path: trimmed(path), kind, writable, executable, ...(source !== '' && { source }) }];
}

function trimmed(path: string): string {
  return path.replace(/(?<=.)\/+$/, '');
}

/**
 * The uid that archives of the container give to what belongs to root in it, as in `Sandbox.rootOwner`. A Docker Engine
 * that maps users keeps everything below a folder that is named for root's ids on the host (moby `setupDaemonRoot`), and
 * tells owners by those. Podman writes the container's user into every archive, whoever owns the files.
 */
export function rootOwnerOf(container: unknown, dialect: EngineDialect): number | undefined {
  if (dialect === 'podman') return undefined;
  if (textOf(container, 'HostConfig', 'UsernsMode') === 'host') return 0;
  const paths = ['ResolvConfPath', 'HostnamePath', 'LogPath'].map((key) => textOf(container, key) ?? '');
  const mapped = paths.map((path) => /\/(\d+)\.\d+\/containers\//.exec(path)?.[1]).find((uid) => uid !== undefined);
  return Number(mapped ?? 0);
}
