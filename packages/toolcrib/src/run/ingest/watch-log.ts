import { fstatSync, type BigIntStats } from 'node:fs';
import { lstat, readFile, readlink, stat } from 'node:fs/promises';
import { dirname, join, parse, resolve, sep } from 'node:path';
import { isSystemError } from '../../core/errors.ts';
import {
  logAuthorship,
  UNKNOWN_AUTHORSHIP,
  type FileSight,
  type FolderSight,
  type LogAuthorship,
  type LogSight,
} from './log-author.ts';

/** What the command of a run may do by itself. */
export interface CommandRights {
  readonly uid: number;
  /** It is started as root, or with a capability. */
  readonly isPrivileged: boolean;
  /** Descriptors of this process that it gets as its standard streams. */
  readonly streams: readonly number[];
}

/** Those of a command that inherits everything from this process. */
export async function inheritedRights(streams: readonly number[] = [0, 1, 2]): Promise<CommandRights> {
  const uid = process.geteuid?.() ?? -1;
  return { uid, isPrivileged: uid === 0 || (await hasCapability()), streams };
}

/**
 * Judges a log that has been read. Never rejects.
 * @param read what was seen of the file that was read, before its first byte and behind its last.
 */
export type LogJudge = (read: readonly BigIntStats[]) => Promise<LogAuthorship>;

/**
 * Looks at a log before the command of a run starts.
 * @param path absolute. It need not be there yet.
 * @returns what judges, when the log has been read, whether the command could have written it.
 */
export async function watchLog(path: string, rights: CommandRights): Promise<LogJudge> {
  const before = await sightOf(path).catch(() => 'unknown' as const);
  return async (stats) => {
    const after = await sightOf(path).catch(() => undefined);
    if (before === 'unknown' || after === undefined) return UNKNOWN_AUTHORSHIP;
    const { uid, isPrivileged, streams } = rights;
    const read = stats.map(fileSight);
    const isStream = [...read, after].some((file) => streams.some((stream) => leadsTo(stream, file)));
    return logAuthorship({ before, read, after, uid, isPrivileged, isStream });
  };
}

/** @throws what the system says, unless it says that nothing is there. */
async function sightOf(path: string): Promise<LogSight | undefined> {
  const way = await wayTo(resolve(path)).catch(undefinedIfMissing);
  const stats = way === undefined ? undefined : await lstat(way.file, { bigint: true }).catch(undefinedIfMissing);
  if (way === undefined || stats === undefined) return undefined;
  const folders = [...way.folders].reverse().map(async ([path, owners]) => await folderSight(path, owners));
  return { ...fileSight(stats), folders: await Promise.all(folders) };
}

/** As the kernel has it: a chain of links that is longer leads nowhere. */
const MAX_LINKS = 40;

interface Way {
  /** Without links. */
  readonly file: string;
  /** Folders, without links, in the order in which the way first came by, and the owners of the names that it went by. */
  readonly folders: ReadonlyMap<string, readonly number[]>;
}

/**
 * Walks a path name by name, and through each link by the names of that.
 * @param path absolute.
 */
async function wayTo(path: string): Promise<Way> {
  const { root } = parse(path);
  const folders = new Map<string, readonly number[]>();
  const names = path.slice(root.length).split(sep);
  let at = root;
  let links = 0;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === '..') at = dirname(at);
    if (['', '.', '..'].includes(name)) continue;
    const entry = join(at, name);
    const stats = await lstat(entry);
    folders.set(at, [...(folders.get(at) ?? []), stats.uid]);
    if (!stats.isSymbolicLink()) {
      at = entry;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) throw new Error(`${path} leads through too many links`);
    const target = await readlink(entry);
    at = parse(target).root || at;
    names.unshift(...target.slice(parse(target).root.length).split(sep));
  }
  return { file: at, folders };
}

async function folderSight(path: string, owners: readonly number[]): Promise<FolderSight> {
  const { uid, mode } = await stat(path);
  return { path, uid, mode, owners };
}

function fileSight(stats: BigIntStats): FileSight {
  const { dev, ino, size, ctimeNs, uid, mode } = stats;
  return { device: dev, inode: ino, size, changed: ctimeNs, uid: Number(uid), mode: Number(mode) };
}

function undefinedIfMissing(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT')) throw error;
}

function leadsTo(stream: number, log: FileSight): boolean {
  const stats = statsOf(stream);
  return stats !== undefined && stats.dev === log.device && stats.ino === log.inode;
}

/** Undefined for a descriptor that is closed. */
function statsOf(descriptor: number): BigIntStats | undefined {
  try {
    return fstatSync(descriptor, { bigint: true });
  } catch {
    return undefined;
  }
}

async function hasCapability(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return /[1-9a-f]/.test(effective);
}
