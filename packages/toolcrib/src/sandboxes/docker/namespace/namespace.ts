import { lstat } from 'node:fs/promises';
import { posix } from 'node:path';
import { SandboxError } from '../../../core/errors.ts';
import { textOf } from '../../../core/json-fields.ts';
import { deviceFrom } from '../../../core/mount-table.ts';
import type { TarEntry } from '../../../tar/write.ts';
import type {
  ClosedNamespace,
  NamespaceEntry,
  NamespaceMember,
  NamespaceMount,
  SandboxIdentity,
  SandboxNamespace,
  SandboxRemover,
} from '../../sandbox.ts';
import type { Container } from '../container.ts';
import { belongsTo, hasUsersAsTold, pidNow, pidOf } from './container-process.ts';
import { findHelper, startHelper, type HelperProcess } from './helper-process.ts';
import { isMountedIn, isSharedMount, mountPathsIn } from './mounted-directory.ts';
import { knownMounts, verifyMounts, type KnownMounts, type SeenComponent } from './mounts.ts';
import type { HelperRecord } from './records.ts';

/** A container whose mount namespace is entered. */
interface Place {
  readonly container: Container;
  readonly startedAt: string;
  readonly id: string;
  /** Its first process. */
  readonly pid: number;
  readonly users: Users;
  readonly known: KnownMounts;
  /** Path of the helper on this machine. */
  readonly helper: string;
}

/**
 * Whose users a container has, as its engine tells: those of the machine that toolcrib runs on, or others, in a user
 * namespace that the engine made.
 */
type Users = 'same' | 'mapped';

/** The roles that entering the namespace gives; a closed one gives none. */
export interface NamespaceRoles {
  /**
   * Given where the users are not those that the engine tells: what it tells of owners does not count then. Programs that
   * it starts come into the mount namespace that the container's first process is in, and see other files than it does.
   */
  readonly rootOwner?: undefined;
  readonly namespace: SandboxNamespace | ClosedNamespace;
  readonly remover?: SandboxRemover;
}

/** What decides whether a namespace can be entered, besides the container. */
export interface NamespaceOptions {
  /** Path of the helper; default: the one for this machine. */
  readonly helper?: string | undefined;
}

/**
 * Finds out, cheaply and without entering it, whether a container's mount namespace can be entered from here.
 * @param description of the container, as its engine gives it.
 */
export async function namespaceOf(
  container: Container,
  description: unknown,
  identity: SandboxIdentity,
  options: NamespaceOptions = {},
): Promise<NamespaceRoles> {
  const helper = options.helper ?? findHelper();
  const { address } = container.engine.endpoint;
  const closed = closedReason({ platform: process.platform, uid: process.getuid?.(), address });
  if (closed !== undefined) return { namespace: { closed } };
  if (helper === undefined)
    return { namespace: { closed: `the namespace helper for ${process.arch} is not installed` } };
  const { id, startedAt, mounts } = identity;
  const pid = pidOf(description);
  if (pid === undefined || !(await belongsTo(pid, id))) return { namespace: { closed: NOT_HERE } };
  const { rootOwner = 0 } = container;
  if (!(await hasUsersAsTold(pid, rootOwner))) return { namespace: { closed: OTHER_USERS }, rootOwner: undefined };
  const users: Users = rootOwner === 0 ? 'same' : 'mapped';
  const root = textOf(description, 'GraphDriver', 'Data', 'MergedDir');
  if (root === undefined) return { namespace: { closed: NO_ROOT } };
  const place = { container, id, pid, users, startedAt, helper, known: knownMounts(description, mounts, root) };
  return {
    namespace: {
      look: (path) => look(place, path),
      place: (request) => placeTree(place, request),
      read: (request) => readTree(place, request),
      mounter:
        users === 'mapped'
          ? { closed: MAPPED }
          : {
              mount: (request) => mountDirectory(place, request),
              isMounted: (path, source) => isMountedIn({ pid, id, root }, path, source),
              mountPaths: () => mountPathsIn(pid),
            },
    },
    remover: { removeTree: (path, signal) => removeTree(place, path, signal) },
  };
}

const NOT_HERE = 'the process that the engine names is not one of this machine';
// Whoever may make a user namespace is root in it, shows itself any files as root's, and mounts what it likes.
const OTHER_USERS = "the container's process is in a user namespace that the engine does not tell of";
const MAPPED = 'the engine maps users, and root of the container is another than that of this machine';
const NO_ROOT = "the engine does not tell which directory of this machine is the container's root";

/** Where toolcrib runs, and which engine it asks. */
export interface Circumstances {
  readonly platform: string;
  /** Undefined on systems that have none. */
  readonly uid: number | undefined;
  /** Of the engine. */
  readonly address: string;
}

/** @returns why no mount namespace at all can be entered; undefined when some may. */
export function closedReason({ platform, uid, address }: Circumstances): string | undefined {
  if (platform !== 'linux') return 'toolcrib does not run on Linux';
  if (!address.startsWith('unix:')) return 'the engine is not on this machine';
  return uid === 0 ? undefined : 'toolcrib does not run as root of this machine';
}

type Verb = 'look' | 'place' | 'read' | 'mount' | 'remove';

/** Source: statvfs(3). */
const NOEXEC = 8;

/** What the helper told of a path. */
interface Way {
  readonly entries: readonly NamespaceEntry[];
  /** Id of the mount that its last component is in. */
  readonly mount: bigint | undefined;
}

/**
 * Lets the helper hold the container's process open first and asks the engine again then: so the number cannot have been
 * another's when it was opened, and the helper cannot enter another's namespace later.
 * @returns what the helper tells of the way, which was compared with what the engine mounted.
 */
async function enter<T>(
  place: Place,
  [verb, ...words]: readonly [Verb, ...string[]],
  signal: AbortSignal | undefined,
  work: (helper: HelperProcess, way: Way) => Promise<T>,
): Promise<T> {
  const { container, startedAt, id, pid, users } = place;
  const helper = await startHelper(place.helper, [verb, String(pid), users, ...words], signal);
  try {
    if ((await helper.next()).kind !== 'opened') throw outOfStep();
    if ((await pidNow(container, startedAt)) !== pid || !(await belongsTo(pid, id))) {
      throw new SandboxError('NOT_INJECTABLE', NOT_HERE);
    }
    await helper.send({ kind: 'go' });
    const way = await readWay(place, helper, words[0] ?? '/');
    const result = await work(helper, way);
    await helper.finish();
    return result;
  } finally {
    await helper.abandon();
  }
}

/** What the helper tells of a path: its components from `/` on. */
async function readWay(place: Place, helper: HelperProcess, path: string): Promise<Way> {
  const names = path.split('/').filter((name) => name !== '');
  const way: SeenComponent[] = [];
  for (;;) {
    const record = await helper.next();
    if (record.kind === 'end') break;
    if (record.kind !== 'nothing') way.push({ ...record, at: `/${names.slice(0, way.length).join('/')}` });
    if (way.length > names.length + 1) throw outOfStep();
  }
  await verifyMounts(way, place.known);
  const entries = way.map(({ at, kind, mode, uid, mountFlags }) => {
    return { path: at, kind: entryKind(kind), mode, uid, isExecutable: (mountFlags & NOEXEC) === 0 };
  });
  return { entries, mount: way.at(-1)?.mount };
}

function entryKind(kind: SeenComponent['kind']): NamespaceEntry['kind'] {
  return kind === 'directory' || kind === 'file' || kind === 'link' ? kind : 'other';
}

async function look(place: Place, path: string): Promise<readonly NamespaceEntry[]> {
  return await enter(place, ['look', path], undefined, (_, { entries }) => Promise.resolve(entries));
}

async function readTree(place: Place, request: Parameters<SandboxNamespace['read']>[0]): Promise<void> {
  const { path, examine, verify, signal } = request;
  await enter(place, ['read', path], signal, async (helper, way) => {
    await examine(way.entries);
    await helper.send({ kind: 'go' });
    await verify(membersFrom(helper));
  });
}

async function placeTree(place: Place, request: Parameters<SandboxNamespace['place']>[0]): Promise<void> {
  const { path, entries, examine, verify, signal } = request;
  const name = posix.basename(path);
  const words = ['place', posix.dirname(path), name, stagingOf(name)] as const;
  await enter(place, words, signal, async (helper, way) => {
    await examine(way.entries);
    await helper.send({ kind: 'go' });
    for await (const entry of entries) await sendEntry(helper, entry);
    await helper.send({ kind: 'end' });
    await examine((await readWay(place, helper, path)).entries);
    await helper.send({ kind: 'go' });
    await verify(membersFrom(helper));
    await helper.send({ kind: 'go' });
  });
}

/** The helper makes the overlay before it enters the namespace, and tells what it made: that must come to stand there. */
async function mountDirectory(place: Place, request: NamespaceMount): Promise<void> {
  const { path, base, tree, empty, examine, signal } = request;
  const parent = posix.dirname(path);
  await enter(place, ['mount', parent, posix.basename(path), base, tree, empty], signal, async (helper, way) => {
    await verifySource(posix.join(base, tree), await helper.next());
    const overlay = await helper.next();
    await examine(way.entries);
    if (way.mount === undefined || (await isSharedMount(place.pid, way.mount))) {
      throw new SandboxError('NOT_INJECTABLE', `${parent} is on a mount that is shared with other mount namespaces`);
    }
    await helper.send({ kind: 'go' });
    await examine((await readWay(place, helper, parent)).entries);
    if (!isSameDirectory(await helper.next(), overlay)) throw outOfStep();
    await helper.send({ kind: 'go' });
  });
}

/** What the helper says when the directory of this host is at fault. */
const SOURCE = { doing: 'source' };

async function verifySource(path: string, opened: HelperRecord): Promise<void> {
  const seen = await lstat(path, { bigint: true }).catch(() => undefined);
  const here = { kind: 'directory', device: deviceFrom(seen?.dev ?? 0n), inode: seen?.ino ?? 0n };
  if (!isSameDirectory(opened, here))
    throw new SandboxError('NOT_INJECTABLE', `${path} of this host was replaced meanwhile`, { details: SOURCE });
  if ((opened.mountFlags & NOEXEC) === 0) return;
  throw new SandboxError('NOT_INJECTABLE', `${path} of this host is on a file system that is mounted noexec`, {
    details: SOURCE,
  });
}

function isSameDirectory(
  one: Pick<HelperRecord, 'kind' | 'device' | 'inode'>,
  { kind, device, inode }: { readonly kind: string; readonly device: bigint; readonly inode: bigint },
): boolean {
  return one.kind === 'directory' && kind === 'directory' && one.device === device && one.inode === inode;
}

/** The name that a tree has while it is written or taken away. */
export function stagingOf(name: string): string {
  return `.${name}`;
}

async function sendEntry(helper: HelperProcess, entry: TarEntry): Promise<void> {
  const { path, kind, mode, linkTarget = '', bytes = new Uint8Array(0) } = entry;
  const content = kind === 'link' ? Buffer.from(linkTarget) : bytes;
  const size = content instanceof Uint8Array ? content.byteLength : (entry.size ?? 0);
  await helper.send({ kind, path, size: kind === 'directory' ? 0 : size, mode: kind === 'link' ? 0 : mode });
  if (kind === 'directory') return;
  if (content instanceof Uint8Array) await helper.sendBytes(content);
  else for await (const piece of content) await helper.sendBytes(piece);
}

/** What the helper reads in the container, to its end. */
async function* membersFrom(helper: HelperProcess): AsyncGenerator<NamespaceMember> {
  for (;;) {
    const { kind, path, mode, uid, size } = await helper.next();
    if (kind === 'end') return;
    const common = { path, mode, uid, linkTarget: '', bytes: nothing() };
    if (kind === 'file') yield { ...common, kind, bytes: helper.content(size) };
    else if (kind === 'link') yield { ...common, kind, linkTarget: await textFrom(helper.content(size)) };
    else yield { ...common, kind: kind === 'directory' ? kind : 'other' };
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // A directory has no content.
}

async function textFrom(content: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

async function removeTree(place: Place, path: string, signal: AbortSignal | undefined): Promise<void> {
  const name = posix.basename(path);
  await enter(place, ['remove', posix.dirname(path), name, stagingOf(name)], signal, async (helper, way) => {
    const stranger = way.entries.find(({ kind }) => kind !== 'directory');
    if (stranger !== undefined) throw new SandboxError('NOT_INJECTABLE', `${stranger.path} is a ${stranger.kind} now`);
    await helper.send({ kind: 'go' });
  });
}

function outOfStep(): SandboxError {
  return new SandboxError('NOT_INJECTABLE', 'the namespace helper answered something else than it was asked');
}
