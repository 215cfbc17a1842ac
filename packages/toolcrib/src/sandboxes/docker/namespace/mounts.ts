import { stat } from 'node:fs/promises';
import { SandboxError } from '../../../core/errors.ts';
import { listOf, textOf } from '../../../core/json-fields.ts';
import { deviceFrom, mountLinesFrom } from '../../../core/mount-table.ts';
import type { SandboxMount } from '../../sandbox.ts';
import { procFile } from './container-process.ts';
import type { HelperRecord } from './records.ts';

/** A component of a path, as the helper told it. */
export interface SeenComponent extends HelperRecord {
  /** Absolute. */
  readonly at: string;
}

/** What is mounted in a container, as its engine tells it. */
export interface KnownMounts {
  /** The directory of this machine that is the container's root. */
  readonly root: string;
  readonly mounts: readonly SandboxMount[];
  /** Directories of this machine that volumes are, by their path in the container. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Source: statfs(2), statvfs(3). */
const TMPFS = 0x01021994n;
const READ_ONLY = 1;

/**
 * @param description of the container, as its engine gives it.
 * @param root the directory of this machine that is its root, by the engine.
 */
export function knownMounts(description: unknown, mounts: readonly SandboxMount[], root: string): KnownMounts {
  const pairs = listOf(description, 'Mounts').flatMap((mount): [string, string][] => {
    const path = textOf(mount, 'Destination');
    const source = textOf(mount, 'Source') ?? '';
    return path === undefined || !source.startsWith('/') ? [] : [[path.replace(/(?<=.)\/+$/, ''), source]];
  });
  return { root, mounts, sources: new Map(pairs) };
}

/**
 * Makes sure that a way stays in the container. Root there cannot mount anything, but can rename the directories above a
 * mount, and so bring a directory of this machine to any path, without a link. So each mount on the way has to be the
 * very one that the engine mounted there: a volume by its device and inode, a tmpfs by being on no path of this machine.
 * Who may mount can make anything the root of the namespace: it has to be the engine's, by its device and inode.
 * @throws SandboxError `NOT_INJECTABLE` naming the component; also where nothing can be written.
 */
export async function verifyMounts(way: readonly SeenComponent[], known: KnownMounts): Promise<void> {
  const [first] = way;
  if (first === undefined) throw refused('/', 'was not told');
  if (!(await isDirectory(first, known.root))) throw refused('/', 'is not the root that the engine gave the container');
  for (const [index, component] of way.entries()) {
    const above = way[index - 1];
    if (above !== undefined && above.mount !== component.mount) await verifyCrossing(component, known);
  }
  const last = way.at(-1) ?? first;
  if ((last.mountFlags & READ_ONLY) !== 0) throw refused(last.at, 'is on a file system that is mounted read-only');
}

async function verifyCrossing(component: SeenComponent, known: KnownMounts): Promise<void> {
  const { at } = component;
  const mount = known.mounts.find(({ path }) => path === at);
  const isItself =
    (mount?.kind === 'tmpfs' && (await isPrivateTmpfs(component))) ||
    (mount?.kind === 'volume' && (await isDirectory(component, known.sources.get(at))));
  if (isItself) return;
  throw refused(
    at,
    mount === undefined ? 'is a mount that the engine does not list' : 'is not the mount of the engine',
  );
}

async function isPrivateTmpfs({ fileSystem, device }: SeenComponent): Promise<boolean> {
  if (fileSystem !== TMPFS) return false;
  const text = await procFile('/proc/1/mountinfo');
  return text !== '' && !devicesOf(text).has(device);
}

/** The devices of what is mounted. */
export function devicesOf(mountinfo: string): ReadonlySet<bigint> {
  return new Set(mountLinesFrom(mountinfo).map(({ device }) => device));
}

async function isDirectory({ device, inode }: SeenComponent, source: string | undefined): Promise<boolean> {
  if (source === undefined) return false;
  try {
    const seen = await stat(source, { bigint: true });
    return deviceFrom(seen.dev) === device && seen.ino === inode;
  } catch {
    return false; // the engine has it elsewhere
  }
}

function refused(path: string, why: string): SandboxError {
  return new SandboxError('NOT_INJECTABLE', `${path} ${why}`, { details: { path } });
}
