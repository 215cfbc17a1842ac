import type { Readable, Writable } from 'node:stream';
import type { TarMember } from '../tar/read.ts';
import type { TarEntry } from '../tar/write.ts';

/** Who and what a sandbox is, as its engine tells it; only where there is an `uploader` the sandbox itself was asked. */
export interface SandboxIdentity {
  /** Which engine, stable over restarts of toolcrib, e.g. an engine's own id. */
  readonly engine: string;
  /** Full id of the container; for `local:` the device and inode of its directory; for `exec:` a digest of what it says. */
  readonly id: string;
  /** When it was started last, as the engine writes it: another start is another sandbox for the ledger. */
  readonly startedAt: string;
  /** Architecture by the engine's own words (`amd64`, `arm64`, …); undefined when it does not know. */
  readonly arch: string | undefined;
  /**
   * The user that its commands run as (`''`, `1000`, `1000:1000`, `app`); '' is the engine's default, root. Uids are
   * those inside; for `local:`, 0 stands for the user of toolcrib itself, who owns all that it places and runs.
   */
  readonly user: string;
  /** The working directory of its commands. */
  readonly cwd: string;
  /** Environment that its commands get from the engine. */
  readonly env: Readonly<Record<string, string>>;
  readonly readOnlyRoot: boolean;
  /** Only of a local directory: what keeps its programs in it. */
  readonly isolation?: 'bubblewrap' | 'none';
  /** Places in it where something else is mounted, absolute, sorted. */
  readonly mounts: readonly SandboxMount[];
  /**
   * What its engine lets it do by which root in it might write what is mounted read-only, each a sentence without its end;
   * empty when that is nothing, absent where nobody outside tells.
   */
  readonly liberties?: readonly string[];
}

export interface SandboxMount {
  readonly path: string;
  readonly kind: 'bind' | 'volume' | 'tmpfs' | 'other';
  readonly writable: boolean;
  /** False when programs there cannot be started (`noexec`), as far as the engine tells. */
  readonly executable: boolean;
  /** The path on the engine's machine that is mounted there; absent where the engine does not tell one. */
  readonly source?: string;
}

/** What stands at a path, links not followed. */
export interface SandboxEntry {
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** Permission bits with setuid, setgid and sticky, e.g. 0o1777. */
  readonly mode: number;
  /** In bytes. */
  readonly size: number;
  /** Where a link points to, as it is written or as the engine resolves it; '' for anything else. */
  readonly linkTarget: string;
}

export interface ExecRequest {
  /** Program and arguments; the program is an absolute path, or is looked up by the engine. */
  readonly argv: readonly string[];
  /** Added to what the engine gives. */
  readonly env?: Readonly<Record<string, string>>;
  /** Names that the program must not see; an engine that cannot take them away gives them the empty string. */
  readonly unset?: readonly string[];
  /** Another user than the sandbox's own. */
  readonly user?: string;
  /** A path of the sandbox, not of {@link SandboxExecutor.programPath}. */
  readonly cwd?: string;
  /** False: stdin is closed at once. */
  readonly stdin: boolean;
  readonly signal?: AbortSignal;
}

/** How an exec'd program ended. `code` is 0..255; 126 and 127 also mean that the engine could not start it. */
export interface ExecExit {
  readonly code: number;
  /** Why some of what a program wrote that failed (`code` is not 0) may be missing; undefined when all of it came. */
  readonly incomplete?: string;
}

/**
 * A program that runs in the sandbox. The caller consumes both outputs (one that is not read holds the other up) and
 * ends stdin. What is written after the program closed its input is discarded.
 */
export interface SandboxProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * Settles when the program has ended and closed its outputs; rejects with the signal's reason after an abort, and with
   * RemoteError `REMOTE_REFUSED` when the program succeeded and the engine may have lost some of what it wrote.
   */
  readonly exit: Promise<ExecExit>;
  /**
   * Whether a process of this machine is the one that the engine started for this program, which still runs; undefined where
   * the engine's numbers are not this machine's. Absent where nobody outside of the sandbox tells.
   * @throws SandboxError `SANDBOX_STATE`; RemoteError `UNREACHABLE`, `REMOTE_REFUSED`.
   */
  isProcess?(pid: number): Promise<boolean | undefined>;
}

/** The role of a sandbox that tells what is in it, without executing anything there unless there is an `uploader`. */
export interface SandboxReader {
  /**
   * What stands at an absolute path, links not followed; undefined when nothing does.
   * @throws SandboxError `SANDBOX_STATE` when the sandbox is not running any more; RemoteError `UNREACHABLE`.
   */
  stat(path: string): Promise<SandboxEntry | undefined>;
  /**
   * The uid that tars of {@link readTar} give to what belongs to root inside: not 0 where an engine maps users and tells
   * owners as the host sees them; undefined when it does not tell owners, and none that it writes counts.
   */
  readonly rootOwner: number | undefined;
  /**
   * Uid, inside, of the owner of what stands at an absolute path; undefined when nothing does, or when the engine does
   * not tell. Costs more than a stat.
   */
  readOwner(path: string): Promise<number | undefined>;
  /**
   * Reads a file or a tree back as a tar whose names start with the last component of `path`, from the engine's view.
   * A reader that stops early ends the iteration, which frees the connection. A piece is the reader's until it asks for the
   * next one.
   * @returns undefined when nothing is there.
   */
  readTar(path: string): Promise<AsyncIterable<Uint8Array> | undefined>;
}

/** Options of {@link SandboxWriter.unpackTar}. */
export interface UnpackOptions {
  readonly spool?: string;
  readonly user?: string | undefined;
}

/** The role of a sandbox that takes files. */
export interface SandboxWriter {
  /**
   * Unpacks a tar (uncompressed, an entry for every directory, names relative to `parent`) below an existing
   * directory, as root, owners and modes as in the tar; where there is an `uploader`, as the user of its programs.
   * Existing entries may be replaced: callers use fresh names. Not atomic, nothing is taken back after an abort or a
   * failure. Nothing outside the sandbox is written as long as no component of `parent` is a link.
   * @param options.spool where a sandbox that needs the tar as a file keeps it meanwhile: a directory, made if need be;
   * default: `parent`. After a crash the file is still there.
   * @param options.user as whom the programs of a sandbox with an `uploader` are to unpack; default: its own user.
   * @throws SandboxError `NOT_INJECTABLE` when this way is not possible here (read-only root, no such parent), with the
   * engine's own words; `EXEC_FAILED` for a user that its programs cannot be, before anything is written; `SANDBOX_STATE`;
   * RemoteError `UNREACHABLE`; whatever the iteration of the tar throws.
   */
  unpackTar(parent: string, tar: AsyncIterable<Uint8Array>, options?: UnpackOptions): Promise<void>;
}

/**
 * The role of a sandbox that nothing but programs in it can be reached through. **What its reader tells is what those
 * programs say**, its identity included; and a long stream into one of them may break, so files are written in pieces
 * that are checked there.
 */
export interface SandboxUploader {
  /**
   * Writes a file, as the user that the sandbox's programs run as.
   * @throws SandboxError `NOT_INJECTABLE` with what the programs said; RemoteError `UNREACHABLE`, `REMOTE_REFUSED`; the
   * signal's reason; whatever the iteration throws.
   */
  writeFile(file: SandboxFile): Promise<void>;
}

/** A file to write into a sandbox. */
export interface SandboxFile {
  /** Absolute. Its directory is there. */
  readonly path: string;
  readonly mode: number;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal | undefined;
}

/** The role of a sandbox out of which files can be taken without running a program in it. */
export interface SandboxRemover {
  /**
   * Removes a directory and all that is in it; one that is not there is fine. No link is followed, neither on the way nor
   * in it, also while programs of the sandbox change what stands there.
   * @param signal ends it: a program of the sandbox that makes files again and again could hold it for ever.
   * @throws SandboxError `NOT_INJECTABLE` when this is not possible; RemoteError `STORAGE`; the signal's reason.
   */
  removeTree(path: string, signal?: AbortSignal): Promise<void>;
}

/** What was seen of one component of a path, by who holds it open. */
export interface NamespaceEntry {
  /** Absolute. */
  readonly path: string;
  readonly kind: SandboxEntry['kind'];
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  /** Of its owner, as the sandbox sees it. */
  readonly uid: number;
  /** False where programs cannot be started (`noexec`). Default: true. */
  readonly isExecutable?: boolean;
}

/** An entry of a tree as it stands in the sandbox; paths are relative to the tree, its own is ''. */
export interface NamespaceMember extends Omit<TarMember, 'kind' | 'size'> {
  readonly kind: TarMember['kind'] | 'other';
}

/** Judges the components of a path from `/` on, up to the first that is no directory; rejects where it must not go. */
export type ExamineWay = (way: readonly NamespaceEntry[]) => Promise<void>;

/** Judges what stands in the sandbox, which it reads to its end; rejects when it is not what it should be. */
export type VerifyTree = (members: AsyncIterable<NamespaceMember>) => Promise<void>;

/** A tree that is read through the mount namespace. */
export interface NamespaceTree {
  /** Absolute. */
  readonly path: string;
  readonly examine: ExamineWay;
  readonly verify: VerifyTree;
  readonly signal: AbortSignal | undefined;
}

/** A tree that is placed through the mount namespace. */
export interface NamespacePlacement extends NamespaceTree {
  /** Relative to the tree, a directory before what it holds; files with their size. */
  readonly entries: AsyncIterable<TarEntry>;
}

/**
 * The role of a sandbox whose mount namespace toolcrib can enter from this machine, as root. No link is followed and no
 * program of the sandbox runs; directories that were examined are held open and cannot be exchanged any more; only the
 * sandbox's own file system is written, and the mounts that it was given for itself. Each call throws SandboxError
 * `NOT_INJECTABLE` where that is not possible, `SANDBOX_STATE`, RemoteError `UNREACHABLE`, and the signal's reason.
 */
export interface SandboxNamespace {
  /** What stands on the way to a path, the last one included if all above it are directories. */
  look(path: string): Promise<readonly NamespaceEntry[]>;
  /**
   * Writes a tree beside `path`, where its name has a dot before it, then gives it that path, where nothing may stand;
   * missing parents are made. All of it belongs to root of the sandbox. `examine` is called before anything is written,
   * and again for what was placed; `verify` then. When one of them rejects, or the input breaks off, what was written is
   * taken away.
   */
  place(placement: NamespacePlacement): Promise<void>;
  /** @throws as above, also when there is nothing. */
  read(tree: NamespaceTree): Promise<void>;
  /** Closed where directories of this machine cannot be mounted there, though trees can be placed. */
  readonly mounter: NamespaceMounter | ClosedNamespace;
}

/** A directory of this machine that is to be mounted in a sandbox. */
export interface NamespaceMount {
  /** Absolute path of the sandbox, where nothing may stand; missing parents are made. */
  readonly path: string;
  /** Absolute path of this machine, without links. */
  readonly base: string;
  /** Path below it, without colons, commas and backslashes: the kernel takes no more of them together than 255 bytes. */
  readonly tree: string;
  /** Name below it of an empty directory, which the kernel demands beside the tree. */
  readonly empty: string;
  readonly examine: ExamineWay;
  readonly signal: AbortSignal | undefined;
}

/** The part of a mount namespace's role that mounts; `removeTree` takes away what it mounted. */
export interface NamespaceMounter {
  /**
   * Shows a directory of this machine at a fresh path, by an overlay of its own, read-only, without devices and setuid programs.
   * `examine` judges the parents before anything is made, and again for what was made. The overlay stands at the path then, by
   * device and inode, or nothing does.
   * @throws as {@link SandboxNamespace}.
   */
  mount(request: NamespaceMount): Promise<void>;
  /**
   * Whether a path leads to a directory of this machine that was mounted there read-only, itself or by an overlay that shows nothing else,
   * by what the kernel tells of the sandbox's mounts now. Root in the sandbox can rename the directories above a mount: then it does not.
   */
  isMounted(path: string, source: string): Promise<boolean>;
  /** Paths at which something is mounted now, as the sandbox's first process sees them; undefined when nobody can tell. */
  mountPaths(): Promise<readonly string[] | undefined>;
}

/** Why a mount namespace cannot be entered from here, as a part of a sentence. */
export interface ClosedNamespace {
  readonly closed: string;
}

/** What mounts directories of this machine in a sandbox, or why nothing does. */
export function mounterOf({ namespace }: Pick<Sandbox, 'namespace'>): NamespaceMounter | ClosedNamespace {
  if (namespace === undefined) return { closed: 'there is no mount namespace to enter' };
  return 'closed' in namespace ? namespace : namespace.mounter;
}

/** The role of a sandbox that runs programs. */
export interface SandboxExecutor {
  /** How a program in the sandbox sees a path of it: the same in a container, below its directory for `local:`. */
  programPath(path: string): string;
  /** Whether `exec` takes another user than `identity.user`; where it does not, one is refused with `EXEC_FAILED`. */
  readonly choosesUser: boolean;
  /**
   * Starts a program. Engines cannot kill an exec: an abort closes the streams, and the program has to end by that.
   * A program that is not there or cannot be executed ends with 127 or 126 and says so on one of its outputs.
   * @throws SandboxError `EXEC_FAILED` when the engine refuses, e.g. for a user that is not there (which may show only in
   * `exit`); `SANDBOX_STATE`.
   */
  exec(request: ExecRequest): Promise<SandboxProcess>;
}

/**
 * A place where tools run. Opening one finds it (NotFoundError `SANDBOX_NOT_FOUND`) and checks that it runs
 * (SandboxError `SANDBOX_STATE`). Calls are not retried, except that an engine which refuses a connection is tried
 * again for a moment.
 */
export interface Sandbox extends SandboxReader, SandboxWriter, SandboxExecutor {
  /** As the user wrote it, e.g. `docker:web`. */
  readonly reference: string;
  readonly identity: SandboxIdentity;
  /** Ways of placing files that this kind of sandbox has, best first. */
  readonly ways: readonly ('archive' | 'namespace' | 'exec-tar' | 'exec-cat')[];
  /** Undefined where an engine tells what is in the sandbox, from outside. */
  readonly uploader?: SandboxUploader;
  /** Undefined where it takes a program of the sandbox to remove something. */
  readonly remover?: SandboxRemover;
  /** Undefined where there is none to enter. */
  readonly namespace?: SandboxNamespace | ClosedNamespace;
  /** Frees connections; running programs lose their streams. */
  close(): Promise<void>;
}
