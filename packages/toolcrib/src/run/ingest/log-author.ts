/** What was seen of a file. */
export interface FileSight {
  readonly device: bigint;
  readonly inode: bigint;
  readonly size: bigint;
  /** Nanoseconds since 1970, when content or attributes changed. No program can set it. */
  readonly changed: bigint;
  readonly uid: number;
  /** Permissions, as of `stat`. */
  readonly mode: number;
}

/** What was seen of a log and of the way to it. */
export interface LogSight extends FileSight {
  /** Every folder that a name on the way to it stands in, also those of links in between: who may write there may lead elsewhere. */
  readonly folders: readonly FolderSight[];
}

export interface FolderSight {
  readonly path: string;
  readonly uid: number;
  readonly mode: number;
  /** Whose the names are that stand in it on the way: a folder's, a link's, the log's. */
  readonly owners: readonly number[];
}

/** What is known of a log and of the command of a run. */
export interface LogFacts {
  /** At the start of the command; undefined when it was not there. */
  readonly before: LogSight | undefined;
  /** Of the file that was read, before its first byte and behind its last. */
  readonly read: readonly FileSight[];
  /** Where its path led when it had been read. */
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
  const { before, read, after, uid, isStream } = facts;
  const isUnchanged = before !== undefined && [...read, after].every((sight) => isSame(before, sight));
  const ways = [
    ...(read.length > 0 && read.every((sight) => isOne(sight, after)) ? [] : ['its path leads to another file by now']),
    ...(isStream && !isUnchanged ? ['a standard stream of the command leads to it'] : []),
    ...(isUnchanged ? [] : [before, ...read, after].flatMap((sight) => waysInto(sight, uid))),
    // Another file may have been exchanged for it while it was read, and back.
    ...[before, after].flatMap((sight) => waysTo(sight, uid)),
  ];
  if (ways.length > 0) return could([...new Set(ways)]);
  const why = isUnchanged
    ? 'it was there before the command started, and did not change'
    : 'it and the folders on the way to it belong to other users, who alone may write there';
  return { command_could_write: false, because: [why] };
}

function could(because: readonly string[]): LogAuthorship {
  return { command_could_write: true, because };
}

function isOne(left: FileSight, right: FileSight): boolean {
  return left.device === right.device && left.inode === right.inode;
}

function isSame(left: FileSight, right: FileSight): boolean {
  return isOne(left, right) && left.size === right.size && left.changed === right.changed;
}

const BY_OTHERS = 0o002;
const BY_GROUP = 0o020;
const STICKY = 0o1000;

function waysInto(log: FileSight | undefined, uid: number): readonly string[] {
  if (log === undefined) return [];
  return [
    ...(log.uid === uid ? ['it belongs to the user of the command'] : []),
    ...(hasBit(log.mode, BY_OTHERS) ? ['everybody may write it'] : []),
    ...(hasBit(log.mode, BY_GROUP) ? ['its group may write it'] : []),
  ];
}

function waysTo(log: LogSight | undefined, uid: number): readonly string[] {
  return (log?.folders ?? [])
    .filter((folder) => isReplaceable(folder, uid))
    .map(({ path }) => `the command may replace what is in ${path}`);
}

/** In a sticky folder only the owner of an entry, or of the folder, may replace it. */
function isReplaceable(folder: FolderSight, uid: number): boolean {
  if (folder.uid === uid) return true;
  if (!hasBit(folder.mode, BY_OTHERS) && !hasBit(folder.mode, BY_GROUP)) return false;
  if (!hasBit(folder.mode, STICKY)) return true;
  return folder.owners.includes(uid);
}

function hasBit(mode: number, bit: number): boolean {
  return (mode & bit) !== 0;
}
