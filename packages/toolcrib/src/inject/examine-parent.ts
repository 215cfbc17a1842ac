import { isAtOrBelow } from '../core/below.ts';
import { hasCode } from '../core/errors.ts';
import type { NamespaceEntry, Sandbox, SandboxEntry, SandboxMount } from '../sandboxes/sandbox.ts';

/** What was seen of a parent of placements, from outside, before anything is written. */
export interface ParentExamination {
  readonly parent: string;
  /** Why no way of placing may use it; undefined when one may. */
  readonly refusal: string | undefined;
  /** Why nothing may be copied there, though a directory may be made: no program could be started. Absent when one could. */
  readonly noexec?: string | undefined;
  /** The deepest directory on the way that is there. */
  readonly existing: string;
  /** Names below it that have to be made, the parent's own included. */
  readonly missing: readonly string[];
  /** What it is mounted on, when it is not the sandbox's root file system. */
  readonly mount: SandboxMount | undefined;
  /** Why others than root could replace what is placed there; empty when nobody can. */
  readonly weaknesses: readonly string[];
}

/** Directories of every image. In a sandbox whose user is root their owner adds nothing: root can write them all. */
const SYSTEM: readonly string[] = ['/', '/var', '/var/lib', '/opt', '/usr', '/usr/local', '/tmp', '/run'];
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * Examines every component of a parent without executing anything: links, files, mounts, owners and modes.
 * @param uid the sandbox's own user; undefined when it is not known.
 */
export async function examineParent(
  sandbox: Sandbox,
  parent: string,
  uid: number | undefined,
): Promise<ParentExamination> {
  const mount = mountOf(sandbox, parent);
  const seen = { parent, mount, noexec: noexecOf(mount), existing: '/', missing: [], weaknesses: [] };
  const refusal = mountRefusal(sandbox, parent, mount);
  if (refusal !== undefined) return { ...seen, refusal };
  if (mount?.kind === 'tmpfs') return { ...seen, ...insideTmpfs(parent, mount.path), refusal };
  return { ...seen, ...(await walk(sandbox, parent, uid)) };
}

/**
 * As {@link examineParent}, of what the sandbox's mount namespace showed: also in a tmpfs, and where the engine does not
 * tell owners.
 * @param way the components of the parent that are there, and perhaps some below it.
 */
export async function examineWay(
  sandbox: Sandbox,
  parent: string,
  uid: number | undefined,
  way: readonly NamespaceEntry[],
): Promise<ParentExamination> {
  const mount = mountOf(sandbox, parent);
  const seen = { parent, mount, noexec: noexecOf(mount), existing: '/', missing: [], weaknesses: [] };
  const refusal = mountRefusal(sandbox, parent, mount);
  if (refusal !== undefined) return { ...seen, refusal };
  const entries = new Map(way.map((entry) => [entry.path, { ...entry, size: 0, linkTarget: '' }]));
  const reader: ComponentReader = {
    rootOwner: 0,
    stat: (path) => Promise.resolve(entries.get(path)),
    readOwner: (path) => Promise.resolve(entries.get(path)?.uid),
  };
  const last = way.at(-1);
  const noexec = last?.isExecutable === false ? `${last.path} is on a file system that is mounted noexec` : undefined;
  return { ...seen, noexec: seen.noexec ?? noexec, ...(await walk(reader, parent, uid)) };
}

/** Who tells what stands at the components of a path. */
type ComponentReader = Pick<Sandbox, 'stat' | 'readOwner' | 'rootOwner'>;

function mountOf(sandbox: Sandbox, path: string): SandboxMount | undefined {
  const above = sandbox.identity.mounts.filter((mount) => isAtOrBelow(path, mount.path));
  return above.reduce<SandboxMount | undefined>(
    (deepest, mount) => (deepest === undefined || mount.path.length >= deepest.path.length ? mount : deepest),
    undefined,
  );
}

function mountRefusal(sandbox: Sandbox, parent: string, mount: SandboxMount | undefined): string | undefined {
  if (mount === undefined) return sandbox.identity.readOnlyRoot ? 'the root file system is read-only' : undefined;
  if (mount.kind === 'bind') return `${mount.path} is a directory of the host: nothing is written outside the sandbox`;
  if (mount.kind === 'other') return `${parent} is on ${mount.path}, which belongs to the engine`;
  if (!mount.writable) return `${mount.path} is mounted read-only`;
  return undefined;
}

function noexecOf(mount: SandboxMount | undefined): string | undefined {
  return mount?.executable === false ? `${mount.path} is mounted noexec` : undefined;
}

/** Engines look below a tmpfs, not into it. */
function insideTmpfs(parent: string, path: string): Pick<ParentExamination, 'existing' | 'missing' | 'weaknesses'> {
  const missing = parent === path ? [] : parent.slice(path.length + 1).split('/');
  return { existing: path, missing, weaknesses: [`${path} is a tmpfs, which cannot be seen from outside`] };
}

async function walk(
  sandbox: ComponentReader,
  parent: string,
  uid: number | undefined,
): Promise<Pick<ParentExamination, 'refusal' | 'existing' | 'missing' | 'weaknesses'>> {
  const paths = componentsOf(parent);
  const entries = await Promise.all(paths.map((path) => statWithin(sandbox, path)));
  const firstMissing = entries.indexOf(undefined);
  const there = firstMissing < 0 ? paths : paths.slice(0, firstMissing);
  const refusal = there.map((path, index) => refusalOf(path, entries[index])).find((reason) => reason !== undefined);
  const existing = there.at(-1) ?? '/';
  const missing = paths.slice(there.length).map((path) => path.slice(path.lastIndexOf('/') + 1));
  if (refusal !== undefined) return { refusal, existing, missing, weaknesses: [] };
  const weaknesses = await Promise.all(there.map((path, index) => weaknessOf(sandbox, path, entries[index], uid)));
  return { refusal, existing, missing, weaknesses: weaknesses.filter((reason) => reason !== undefined) };
}

/** What a sandbox does not look at, because a link is on the way, is not there: the link itself is seen further up. */
export async function statWithin(sandbox: Pick<Sandbox, 'stat'>, path: string): Promise<SandboxEntry | undefined> {
  try {
    return await sandbox.stat(path);
  } catch (error) {
    if (!hasCode(error, 'NOT_INJECTABLE')) throw error;
    return undefined;
  }
}

/** `/var/lib` has `/`, `/var` and `/var/lib`. */
export function componentsOf(path: string): readonly string[] {
  const names = path.split('/').filter((name) => name !== '');
  return ['/', ...names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`)];
}

function refusalOf(path: string, entry: SandboxEntry | undefined): string | undefined {
  if (entry?.kind === 'link') return `${path} is a link`;
  return entry?.kind === 'directory' ? undefined : `${path} is not a directory`;
}

async function weaknessOf(
  sandbox: ComponentReader,
  path: string,
  entry: SandboxEntry | undefined,
  uid: number | undefined,
): Promise<string | undefined> {
  const mode = entry?.mode ?? 0;
  // In a sticky directory only the owner of an entry (and of the directory) can replace it.
  if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0) {
    return `others than root can write ${path} (mode 0${mode.toString(8)})`;
  }
  if (uid === 0 && SYSTEM.includes(path)) return undefined;
  if (sandbox.rootOwner === undefined) return `the engine does not tell who owns ${path}`;
  const owner = await sandbox.readOwner(path);
  return owner === 0 ? undefined : `${path} belongs to uid ${owner ?? 'nobody'}`;
}

/**
 * Looks again after writing: whoever could write a component may have put a link in its place meanwhile.
 * @returns what is wrong now; undefined when every component is a directory still, and new ones belong to root.
 */
export async function examineAgain(
  sandbox: Sandbox,
  examination: ParentExamination,
  directory: string,
): Promise<string | undefined> {
  const entries = await Promise.all(
    componentsOf(directory).map(async (path) => refusalOf(path, await sandbox.stat(path))),
  );
  const refusal = entries.find((reason) => reason !== undefined);
  if (refusal !== undefined) return refusal;
  const made = componentsOf(examination.parent).slice(componentsOf(examination.existing).length);
  const sticky = ((await sandbox.stat(examination.existing))?.mode ?? 0) & STICKY;
  // Where no owner is told, nothing is claimed that this would have to hold up.
  const isTold = sandbox.rootOwner !== undefined && sandbox.uploader === undefined;
  if (sticky === 0 || !isTold) return undefined;
  const owners = await Promise.all(made.map((path) => sandbox.readOwner(path)));
  const index = owners.findIndex((owner) => owner !== 0);
  return index < 0 ? undefined : `${made[index] ?? ''} belongs to uid ${owners[index] ?? 'nobody'}`;
}

/** Why nothing is copied below a parent. */
export function copyingRefusal({ refusal, noexec }: ParentExamination): string | undefined {
  return refusal ?? noexec;
}

/** Why nothing is mounted below a parent: whoever could replace it could lead the path of the mount elsewhere. */
export function mountingRefusal({ refusal, weaknesses }: ParentExamination): string | undefined {
  return refusal ?? weaknesses[0];
}
