import { RemoteError, SandboxError } from '../../core/errors.ts';
import type { SandboxIdentity, SandboxMount } from '../sandbox.ts';
import { fieldOf, keysOf, listOf, textOf } from './json-fields.ts';

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
export function identityOf(container: unknown, image: unknown, engine: string): SandboxIdentity {
  const id = textOf(container, 'Id');
  if (id === undefined)
    throw new RemoteError('REMOTE_REFUSED', `the engine at ${engine} described a container without id`);
  return {
    engine,
    id,
    startedAt: textOf(container, 'State', 'StartedAt') ?? '',
    arch: textOf(image, 'Architecture'),
    user: textOf(container, 'Config', 'User') ?? '',
    cwd: textOf(container, 'Config', 'WorkingDir') || '/',
    env: envOf(listOf(container, 'Config', 'Env')),
    readOnlyRoot: fieldOf(container, 'HostConfig', 'ReadonlyRootfs') === true,
    mounts: mountsOf(container),
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

function mountsOf(container: unknown): SandboxMount[] {
  const listed = listOf(container, 'Mounts').flatMap((mount) => mountOf(mount));
  const tmpfs = keysOf(container, 'HostConfig', 'Tmpfs').map((path) => {
    const options = (textOf(container, 'HostConfig', 'Tmpfs', path) ?? '').split(',');
    // Engines mount a tmpfs noexec unless they are told otherwise.
    const executable = options.includes('exec');
    return { path: trimmed(path), kind: 'tmpfs' as const, writable: !options.includes('ro'), executable };
  });
  return [...OWN_MOUNTS, ...listed, ...tmpfs].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function mountOf(mount: unknown): SandboxMount[] {
  const path = textOf(mount, 'Destination');
  if (path === undefined) return [];
  const type = textOf(mount, 'Type');
  const kind = type === 'bind' || type === 'volume' || type === 'tmpfs' ? type : 'other';
  // Engines leave RW out for tmpfs mounts, which are writable.
  const writable = fieldOf(mount, 'RW') !== false || type === 'tmpfs';
  return [{ path: trimmed(path), kind, writable, executable: true }];
}

function trimmed(path: string): string {
  return path.replace(/(?<=.)\/+$/, '');
}

/**
 * Checks that programs can be started in the container.
 * @throws SandboxError `SANDBOX_STATE` naming the state.
 */
export function verifyRunning(container: unknown, reference: string): void {
  const state = stateOf(container);
  if (state === 'running') return;
  throw new SandboxError('SANDBOX_STATE', `${reference} is ${state}, it must be running`, {
    hint: state === 'paused' ? `docker unpause it` : `start it: docker start NAME`,
    details: { sandbox: reference, state },
  });
}

function stateOf(container: unknown): string {
  if (fieldOf(container, 'State', 'Paused') === true) return 'paused';
  if (fieldOf(container, 'State', 'Restarting') === true) return 'restarting';
  if (fieldOf(container, 'State', 'Running') === true) return 'running';
  return textOf(container, 'State', 'Status') ?? 'not running';
}
