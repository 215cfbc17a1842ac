import { readlink, realpath, stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { combineSignals } from '../../core/combined-signal.ts';
import { isSystemError, NotFoundError, SandboxError } from '../../core/errors.ts';
import { lstatOrUndefined } from '../../disk/file-kind.ts';
import { onDisk, storageError } from '../../disk/storage-error.ts';
import type { ExecRequest, Sandbox, SandboxEntry, SandboxIdentity, SandboxProcess } from '../sandbox.ts';
import { findIsolation, type Isolation } from './bubblewrap.ts';
import { hostPathOf } from './host-path.ts';
import { startLocalProcess } from './local-process.ts';
import { removeTree } from './remove-tree.ts';
import { packTree, sandboxUid, unpackTree } from './tree.ts';

export interface LocalSandboxOptions {
  /** The environment of the user; programs get a fixed choice of it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

/** What a program needs to feel at home; secrets of the shell that started toolcrib stay there. */
const ENVIRONMENT = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'TZ', 'TERM', 'TMPDIR'];

/** The same in a root file system of its own, where the places of this machine are not. */
const INSIDE = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/' };
const LANGUAGE = ['LANG', 'LC_ALL', 'TZ', 'TERM'];

/**
 * A directory of this machine as a sandbox, where no container engine is. Absolute paths of the sandbox are below it:
 * `/var/lib/toolcrib` is `DIR/var/lib/toolcrib`; `programPath` says the path that a program sees.
 *
 * Where the directory is a root file system and bubblewrap works, programs run in it with that root, without a network
 * and with no other process in sight. Everywhere else **nothing is isolated**: programs run as plain children of this
 * process, as its user, and see the whole machine. `identity.isolation` says which.
 * @throws NotFoundError `SANDBOX_NOT_FOUND` unless it is a directory; RemoteError `STORAGE`.
 */
export async function openLocalSandbox(directory: string, options: LocalSandboxOptions): Promise<Sandbox> {
  const reference = `local:${directory}`;
  const root = await findRoot(directory, reference);
  const isolation = await findIsolation(root, options.env);
  const identity = await identityOf(root, options.env, isolation !== undefined);
  const onHost = (path: string) => hostPathOf(root, path);
  return {
    reference,
    identity,
    ways: ['archive'],
    programPath: (path) => (isolation === undefined ? resolve(root, `.${resolve('/', path)}`) : path),
    choosesUser: false,
    stat: async (path) => entryOf(await onHost(path)),
    rootOwner: 0,
    readOwner: async (path) => {
      const stats = await lstatOrUndefined(await onHost(path));
      return stats && sandboxUid(stats.uid);
    },
    readTar: async (path) => {
      const host = await onHost(path);
      return (await lstatOrUndefined(host)) && packTree(host, basename(path));
    },
    unpackTar: (parent, tar) => unpackTree(root, parent, tar),
    remover: { removeTree: (path, signal) => removeTree(root, path, signal) },
    exec: (request) => execIn({ root, identity, isolation }, request, options.signal),
    close: () => Promise.resolve(),
  };
}

async function findRoot(directory: string, reference: string): Promise<string> {
  try {
    const root = await realpath(directory);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw storageError(error, 'open', directory);
  }
  throw new NotFoundError('SANDBOX_NOT_FOUND', `there is no ${reference}: ${resolve(directory)} is not a directory`, {
    hint: 'make the directory first, or name another one',
    details: { sandbox: reference },
  });
}

async function identityOf(
  root: string,
  env: LocalSandboxOptions['env'],
  isIsolated: boolean,
): Promise<SandboxIdentity> {
  const { dev, ino, birthtime } = await onDisk('examine', root, () => stat(root));
  const chosen = (isIsolated ? LANGUAGE : ENVIRONMENT).flatMap((name): [string, string][] => {
    const value = env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return {
    // Paths of programs differ, so what the ledger knows of one is of no use to the other.
    engine: isIsolated ? 'local+bubblewrap' : 'local',
    isolation: isIsolated ? 'bubblewrap' : 'none',
    id: `${dev}-${ino}`,
    // Inode numbers are used again; the time of birth tells two directories apart.
    startedAt: birthtime.toISOString(),
    arch: process.arch,
    user: '0',
    cwd: '/',
    env: { ...(isIsolated && INSIDE), ...Object.fromEntries(chosen) },
    readOnlyRoot: false,
    mounts: [],
  };
}

async function entryOf(path: string): Promise<SandboxEntry | undefined> {
  const stats = await lstatOrUndefined(path);
  if (stats === undefined) return undefined;
  const link = stats.isSymbolicLink();
  const kind = link ? 'link' : stats.isDirectory() ? 'directory' : stats.isFile() ? 'file' : 'other';
  return { kind, mode: stats.mode & 0o7777, size: stats.size, linkTarget: link ? await readlink(path) : '' };
}

interface Place {
  readonly root: string;
  readonly identity: SandboxIdentity;
  readonly isolation: Isolation | undefined;
}

async function execIn(
  { root, identity, isolation }: Place,
  request: ExecRequest,
  signal: AbortSignal | undefined,
): Promise<SandboxProcess> {
  if (request.user !== undefined && request.user !== identity.user) {
    throw new SandboxError(
      'EXEC_FAILED',
      `a local sandbox cannot run programs as user ${JSON.stringify(request.user)}`,
      {
        hint: 'leave the user out: programs run as the user of toolcrib',
      },
    );
  }
  const signals = [signal, request.signal].filter((one) => one !== undefined);
  const cwd = request.cwd ?? identity.cwd;
  const onHost = await hostPathOf(root, cwd);
  return await startLocalProcess({
    argv: isolation === undefined ? request.argv : isolation.wrap(request.argv, cwd),
    env: { ...environmentWithout(identity.env, request.unset ?? []), ...request.env },
    cwd: onHost,
    stdin: request.stdin,
    signal: signals.length === 0 ? undefined : combineSignals(signals),
  });
}

function environmentWithout(env: SandboxIdentity['env'], names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}
