import type { BigIntStats, Stats } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, readlink, realpath, rename, rmdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hasCode, isSystemError, messageOf, RemoteError, SandboxError, UsageError } from '../core/errors.ts';
import { createDigester } from '../core/digest.ts';
import { livenessOf } from '../disk/process-identity.ts';
import { removeBelow } from '../disk/remove-below.ts';
import { onDisk } from '../disk/storage-error.ts';
import { unfinishedTreeName, writerOf } from '../disk/unfinished-tree.ts';
import { ensureDirectory, syncDirectory } from '../disk/write-file.ts';
import { readBlocks } from '../disk/digest-file.ts';
import { isIrregular } from '../disk/open-regular-file.ts';
import type { NamespaceMember } from '../sandboxes/sandbox.ts';
import type { InjectableArtifact } from './artifact.ts';
import { componentsOf } from './examine-parent.ts';
import { verifyMembers } from './read-back.ts';
import { DIRECTORY_MODE, directoriesOf, membersOf, verifiedTar, type TreeContent } from './tree.ts';

/** How a tree is written. */
export interface TreeOptions {
  readonly signal: AbortSignal | undefined;
  /** Told the bytes that were written. */
  readonly advance: (bytes: number) => void;
  /** False: nobody waits for the disk, since who uses it compares it first. Default: true. */
  readonly isDurable?: boolean;
}

/**
 * Writes the tree of an artifact into a directory of this host. It has its name only when it is whole. What is
 * there is not replaced; an empty directory is filled, and stays the one that somebody may have mounted.
 * @param directory absolute; what is above it is made.
 * @throws IntegrityError when the artifact's bytes are wrong; UsageError `USAGE` as {@link ensureSafeDirectory}; RemoteError `STORAGE`;
 * the signal's reason.
 */
export async function writeTreeOnHost(
  artifact: InjectableArtifact,
  directory: string,
  options: TreeOptions,
): Promise<void> {
  const parent = dirname(directory);
  await ensureSafeDirectory(parent);
  await sweepUnfinished(parent);
  const unfinished = join(parent, unfinishedTreeName());
  try {
    await write(artifact, unfinished, options);
    if (await isDirectory(directory)) await fill(directory, unfinished);
    else await onDisk('rename a directory to', directory, () => rename(unfinished, directory));
  } catch (error) {
    await removeBelow(parent, unfinished).catch(() => undefined);
    throw error;
  }
  if (options.isDurable !== false) await syncDirectory(parent);
}

/**
 * Makes a directory, and what is above it, and refuses to when root would write where another user could lead it elsewhere by a
 * link: before anything is made, and again when it is there.
 * @param directory absolute.
 * @returns its path without links.
 * @throws UsageError `USAGE`; RemoteError `STORAGE`.
 */
export async function ensureSafeDirectory(directory: string): Promise<string> {
  await verifySafe(await existingAbove(directory));
  await ensureDirectory(directory, DIRECTORY_MODE);
  return await verifySafe(directory);
}

/** @returns the path without links, which engines tell, and which nobody leads elsewhere. */
async function verifySafe(directory: string): Promise<string> {
  const path = await pathWithoutLinks(directory);
  const weakness = process.geteuid?.() === 0 ? await weaknessAbove(path) : undefined;
  if (weakness === undefined) return path;
  throw new UsageError(
    'USAGE',
    `root does not place a tree in ${path}, where others could put links in its way: ${weakness}`,
    {
      hint: 'name a directory with --directory that belongs to root, as all directories above it do',
      details: { path },
    },
  );
}

async function pathWithoutLinks(directory: string): Promise<string> {
  return await onDisk('examine', directory, () => realpath(directory));
}

/**
 * Why others than root of this host could lead a directory elsewhere that need not be there yet; undefined when nobody can.
 * @throws RemoteError `STORAGE`.
 */
export async function weaknessOfPlace(directory: string): Promise<string | undefined> {
  return await weaknessAbove(await pathWithoutLinks(await existingAbove(directory)));
}

async function existingAbove(directory: string): Promise<string> {
  let existing = directory;
  while (!(await isThere(existing))) existing = dirname(existing);
  return existing;
}

async function isThere(path: string): Promise<boolean> {
  return (await lstatIfThere(path)) !== undefined;
}

async function isDirectory(path: string): Promise<boolean> {
  return (await lstatIfThere(path))?.isDirectory() === true;
}

async function lstatIfThere(path: string): Promise<Stats | undefined> {
  return await onDisk('examine', path, async () => {
    try {
      return await lstat(path);
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return undefined;
      throw error;
    }
  });
}

/** All of a tree comes, or nothing: what came is taken back when something is in the way. */
async function fill(directory: string, unfinished: string): Promise<void> {
  if ((await namesIn(directory)).length > 0) {
    throw new RemoteError('STORAGE', `cannot fill ${directory}: it is not empty`, {
      hint: 'empty it, or name another directory',
      details: { path: directory },
    });
  }
  const come: string[] = [];
  try {
    for (const name of await namesIn(unfinished)) {
      const to = join(directory, name);
      await onDisk('rename a file to', to, () => rename(join(unfinished, name), to));
      come.push(name);
    }
    await onDisk('change the mode of', directory, () => chmod(directory, DIRECTORY_MODE));
    await syncDirectory(directory);
  } catch (error) {
    for (const name of come) await rename(join(directory, name), join(unfinished, name)).catch(() => undefined);
    throw error;
  }
  await onDisk('remove', unfinished, () => rmdir(unfinished));
}

async function write(artifact: InjectableArtifact, directory: string, options: TreeOptions): Promise<void> {
  const { signal, advance, isDurable = true } = options;
  for (const path of ['', ...directoriesOf(artifact)]) await makeDirectory(join(directory, path));
  for await (const member of membersOf(artifact, verifiedTar(artifact, signal, advance))) {
    const path = join(directory, member.path);
    const { linkTarget = '' } = member;
    if (member.kind === 'link') await onDisk('link', path, () => symlink(linkTarget, path));
    else await writeFile(path, member, isDurable);
  }
}

/** Modes are given again: what the process creates loses the bits of its umask. */
async function makeDirectory(path: string): Promise<void> {
  await onDisk('create the directory', path, async () => {
    await mkdir(path);
    await chmod(path, DIRECTORY_MODE);
  });
}

async function writeFile(
  path: string,
  { bytes, mode }: { readonly bytes: AsyncIterable<Uint8Array>; readonly mode: number },
  isDurable: boolean,
): Promise<void> {
  const file = await onDisk('create', path, () => open(path, 'wx', mode));
  try {
    for await (const piece of bytes) await onDisk('write', path, () => file.writeFile(piece));
    await onDisk('write', path, async () => {
      await file.chmod(mode);
      if (isDurable) await file.sync();
    });
  } finally {
    await file.close();
  }
}

/**
 * Compares a tree on this host with an artifact, all bytes, modes and the owner of it.
 * @returns what is wrong; undefined when nothing is.
 * @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function examineTree(
  artifact: TreeContent,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    const top = await onDisk('examine', directory, () => lstat(directory));
    if (!top.isDirectory()) return `${directory} is not a directory`;
    await verifyMembers({ artifact, members: membersIn(directory, signal), owner: undefined, signal });
    return undefined;
  } catch (error) {
    // Files that vanish meanwhile, or that something else took the place of, are no less wrong.
    if (hasCode(error, 'NOT_INJECTABLE', 'NOT_FOUND') || isIrregular(error)) return messageOf(error);
    throw error;
  }
}

/** Whoever made it is the user of toolcrib; another owner could change it. */
async function* membersIn(directory: string, signal: AbortSignal | undefined): AsyncGenerator<NamespaceMember> {
  const own = process.geteuid?.() ?? 0;
  for await (const { path, stats, uid, mode } of everythingIn(directory)) {
    if (uid !== own && uid !== 0) throw new SandboxError('NOT_INJECTABLE', `${path} belongs to uid ${uid}`);
    const kind = kindOf(stats);
    const linkTarget = kind === 'link' ? await onDisk('read', path, () => readlink(path)) : '';
    const bytes = kind === 'file' ? readBlocks(path, { signal, followLinks: false }) : nothing();
    yield { path: path.slice(directory.length + 1), kind, mode: mode & 0o7777, uid, linkTarget, bytes };
  }
}

function kindOf(stats: BigIntStats): NamespaceMember['kind'] {
  if (stats.isDirectory()) return 'directory';
  if (stats.isFile()) return 'file';
  return stats.isSymbolicLink() ? 'link' : 'other';
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // Only files have bytes.
}

const WRITABLE_BY_OTHERS = 0o022;

/** Why others than root of this host could change a tree; undefined when nobody can. */
export async function weaknessOfTree(directory: string): Promise<string | undefined> {
  for await (const { path, uid, mode, isLink, hasOtherNames } of everythingIn(directory)) {
    if (uid !== 0) return `${path} belongs to uid ${uid} of this host`;
    if (!isLink && (mode & WRITABLE_BY_OTHERS) !== 0) return `others than root can write ${path} of this host`;
    if (hasOtherNames) return `${path} has another name on this host`;
  }
  return undefined;
}

/**
 * What a tree is like without its bytes: names, modes, owners, sizes and times of change, which only who sets the clock can set back.
 * Not the times of the directory itself: those tell when it was used.
 * @returns undefined when it cannot be looked at, e.g. because it is gone.
 */
export async function stateOfTree(directory: string): Promise<string | undefined> {
  const digester = createDigester();
  try {
    for await (const { path, stats } of everythingIn(directory)) {
      const { ino, mode, uid, gid, size, nlink, mtimeNs, ctimeNs } = stats;
      const times = path === directory ? [] : [mtimeNs, ctimeNs];
      digester.update(Buffer.from(`${path}\0${[ino, mode, uid, gid, size, nlink, ...times].join(' ')}\0`));
    }
  } catch (error) {
    if (hasCode(error, 'STORAGE')) return undefined;
    throw error;
  }
  return digester.finish();
}

const STICKY = 0o1000;

/**
 * Why others than root of this host could lead a path elsewhere; undefined when nobody can. In a sticky directory only root
 * replaces what belongs to root. Who may not look sees nothing, and nothing is claimed then.
 * @param directory absolute, without links.
 */
export async function weaknessAbove(directory: string): Promise<string | undefined> {
  for (const path of componentsOf(directory)) {
    const stats = await lstat(path).catch(() => undefined);
    if (stats?.isDirectory() !== true) return `${path} is no directory of this host`;
    if (stats.uid !== 0) return `${path} belongs to uid ${stats.uid} of this host`;
    if ((stats.mode & WRITABLE_BY_OTHERS) !== 0 && (stats.mode & STICKY) === 0) {
      return `others than root can write ${path} of this host`;
    }
  }
  return undefined;
}

/** So many are looked at while one waits: each look alone waits longer for a thread than for the disk. */
const AT_ONCE = 64;

/** A directory and all below it in the order of names, links not followed. */
async function* everythingIn(directory: string) {
  const below = await onDisk('read', directory, () => readdir(directory, { recursive: true }));
  const paths = [directory, ...below.sort().map((name) => join(directory, name))];
  for (let from = 0; from < paths.length; from += AT_ONCE) {
    yield* await Promise.all(paths.slice(from, from + AT_ONCE).map(lookAt));
  }
}

async function lookAt(path: string) {
  const stats = await onDisk('examine', path, () => lstat(path, { bigint: true }));
  const hasOtherNames = !stats.isDirectory() && stats.nlink > 1n;
  const [uid, mode] = [Number(stats.uid), Number(stats.mode)];
  return { path, stats, uid, mode, isLink: stats.isSymbolicLink(), hasOtherNames };
}

/** Takes away what killed processes left: they had not given it a name. */
async function sweepUnfinished(parent: string): Promise<void> {
  for (const name of await namesIn(parent)) {
    const writer = writerOf(name);
    if (writer === undefined || livenessOf(writer) !== 'dead') continue;
    await removeBelow(parent, join(parent, name));
  }
}

/** Why a directory does not count as empty; undefined when it does, also where it is not there. @throws RemoteError `STORAGE`. */
export async function whyNotEmpty(directory: string): Promise<string | undefined> {
  return (await namesIn(directory)).length === 0 ? undefined : `${directory} is not empty`;
}

/** Names in a directory, sorted; none when it is not there. @throws RemoteError `STORAGE`. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  return await onDisk('list', directory, async () => {
    try {
      return (await readdir(directory)).sort();
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return [];
      throw error;
    }
  });
}
