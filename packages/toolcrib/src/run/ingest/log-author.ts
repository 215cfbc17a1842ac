import { dirname } from 'node:path';

/** What was seen of a log. */
export interface LogSight {
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: bigint;
  /** Nanoseconds since 1970, when content or attributes changed. No program can set it. */
  readonly changed: bigint;
  readonly uid: number;
  /** Permissions, as of `stat`. */
  readonly mode: number;
  /** Every folder that a name on the way to it stands in, with links and without: whoever may write there may replace it. */
  readonly folders: readonly FolderSight[];
}

export interface FolderSight {
  readonly path: string;
  readonly uid: number;
  readonly mode: number;
}

/** What is known of a log and of the command of a run. */
export interface LogFacts {
  /** At the start of the command; undefined when it was not there. */
  readonly before: LogSight | undefined;
  /** When it was read. */
  readonly after: LogSight;
  /** User id that the command was started with. */
  readonly uid: number;
  /** It was started as root, or with a capability: permissions may not bind it. */
  readonly isPrivileged: boolean;
  /** A standard stream of the command leads to the log. */
  readonly isStream: boolean;
}

/** Whether a recorded command could itself have written a log: an entry of `toolcrib/capture.json`, but its layer. */
export interface LogAuthorship {
  readonly command_could_write: boolean;
  /** Why, one sentence each. */
  readonly because: readonly string[];
}

/** An SDK is part of the command. */
export const SDK_LOG_AUTHORSHIP: LogAuthorship = {
  command_could_write: true,
  because: ['an SDK reports about itself, from within the command'],
};

/** When nobody could look. */
export const UNKNOWN_AUTHORSHIP: LogAuthorship = {
  command_could_write: true,
  because: ['who may write it could not be examined'],
};

/**
 * Judges by what permissions say, in doubt against the log: a permission of a group counts as the command's, because an
 * access control list hides behind it. What is not judged: what the command may do by `sudo`, or through a daemon that
 * writes for it.
 */
export function logAuthorship(facts: LogFacts): LogAuthorship {
  if (facts.isPrivileged) return could(['the command was started with privileges: permissions may not bind it']);
  if (facts.before !== undefined && isSame(facts.before, facts.after)) {
    return { command_could_write: false, because: ['it was there before the command started, and did not change'] };
  }
  const ways = [
    ...(facts.isStream ? ['a standard stream of the command leads to it'] : []),
    ...[facts.before, facts.after].flatMap((sight) => (sight === undefined ? [] : waysInto(sight, facts.uid))),
  ];
  if (ways.length > 0) return could([...new Set(ways)]);
  return {
    command_could_write: false,
    because: ['it and the folders on the way to it belong to other users, who alone may write there'],
  };
}

function could(because: readonly string[]): LogAuthorship {
  return { command_could_write: true, because };
}

function isSame(before: LogSight, after: LogSight): boolean {
  const isOne = before.device === after.device && before.inode === after.inode;
  return isOne && before.size === after.size && before.changed === after.changed;
}

const BY_OTHERS = 0o002;
const BY_GROUP = 0o020;
const STICKY = 0o1000;

function waysInto(log: LogSight, uid: number): readonly string[] {
  return [
    ...(log.uid === uid ? ['it belongs to the user of the command'] : []),
    ...(hasBit(log.mode, BY_OTHERS) ? ['everybody may write it'] : []),
    ...(hasBit(log.mode, BY_GROUP) ? ['its group may write it'] : []),
    ...log.folders
      .filter((folder) => isReplaceable(folder, log, uid))
      .map(({ path }) => `the command may replace what is in ${path}`),
  ];
}

/** In a sticky folder only the owner of an entry, or of the folder, may replace it. */
function isReplaceable(folder: FolderSight, log: LogSight, uid: number): boolean {
  if (folder.uid === uid) return true;
  if (!hasBit(folder.mode, BY_OTHERS) && !hasBit(folder.mode, BY_GROUP)) return false;
  if (!hasBit(folder.mode, STICKY)) return true;
  const inside = log.folders.filter(({ path }) => path !== folder.path && dirname(path) === folder.path);
  return [log, ...inside].some((entry) => entry.uid === uid);
}

function hasBit(mode: number, bit: number): boolean {
  return (mode & bit) !== 0;
}
