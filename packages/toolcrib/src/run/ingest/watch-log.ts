import { fstatSync, type BigIntStats } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isSystemError } from '../../core/errors.ts';
import {
  logAuthorship,
  UNKNOWN_AUTHORSHIP,
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
 * Looks at a log before the command of a run starts.
 * @param path absolute. It need not be there yet.
 * @returns what judges, when the log has been read, whether the command could have written it. Never rejects.
 */
export async function watchLog(path: string, rights: CommandRights): Promise<() => Promise<LogAuthorship>> {
  const before = await sightOf(path).catch(() => 'unknown' as const);
  return async () => {
    const after = await sightOf(path).catch(() => undefined);
    if (before === 'unknown' || after === undefined) return UNKNOWN_AUTHORSHIP;
    const { uid, isPrivileged, streams } = rights;
    return logAuthorship({ before, after, uid, isPrivileged, isStream: streams.some((one) => leadsTo(one, after)) });
  };
}

/** @throws what the system says, unless it says that nothing is there. */
async function sightOf(path: string): Promise<LogSight | undefined> {
  const real = await realpath(path).catch(undefinedIfMissing);
  const stats = real === undefined ? undefined : await stat(real, { bigint: true }).catch(undefinedIfMissing);
  if (real === undefined || stats === undefined) return undefined;
  const names = new Set([...foldersOf(real), ...foldersOf(resolve(path))]);
  return {
    device: stats.dev,
    inode: stats.ino,
    size: stats.size,
    changed: stats.ctimeNs,
    uid: Number(stats.uid),
    mode: Number(stats.mode),
    folders: await Promise.all([...names].map(folderSight)),
  };
}

/** From the one that holds it up to the root. */
function foldersOf(path: string): readonly string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersOf(folder)];
}

async function folderSight(path: string): Promise<FolderSight> {
  const { uid, mode } = await stat(path);
  return { path, uid, mode };
}

function undefinedIfMissing(error: unknown): undefined {
  if (!isSystemError(error, 'ENOENT')) throw error;
}

function leadsTo(stream: number, log: LogSight): boolean {
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
