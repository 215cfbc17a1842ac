import { constants } from 'node:fs';
import { chmod, mkdir, open, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { lstatOrUndefined } from '../../disk/file-kind.ts';
import { onDisk } from '../../disk/storage-error.ts';
import { MAX_USTAR_UID } from '../../tar/header.ts';
import { readTar, type TarLimits, type TarMember } from '../../tar/read.ts';
import { writeTar, type TarEntry } from '../../tar/write.ts';
import { hostPathOf } from './host-path.ts';

/** A tool with its runtime is some hundred megabytes. */
const LIMITS: TarLimits = { maxEntries: 100_000, maxEntryBytes: 4 * 1024 ** 3, maxTotalBytes: 16 * 1024 ** 3 };

/** A uid as the sandbox's users see it: 0 stands for the user of toolcrib. */
export function sandboxUid(uid: number): number {
  return uid === process.getuid?.() ? 0 : Math.min(Math.max(uid, 1), MAX_USTAR_UID);
}

/**
 * Unpacks below an existing directory of the sandbox.
 * @throws SandboxError `NOT_INJECTABLE` for a link on the way; RemoteError `STORAGE`.
 */
export async function unpackTree(root: string, parent: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const member of readTar(tar, LIMITS, 'the tar to unpack')) {
    const path = await hostPathOf(root, join('/', parent, member.path));
    await onDisk('write', path, () => unpackMember(path, member));
  }
}

async function unpackMember(path: string, member: TarMember): Promise<void> {
  if (member.kind === 'directory') {
    await unpackDirectory(path, member.mode);
    return;
  }
  await rm(path, { force: true });
  if (member.kind === 'link') await symlink(member.linkTarget, path);
  else if (member.kind === 'file') await unpackFile(path, member);
  else throw new TypeError(`${member.path} is a hard link: callers send none`);
}

async function unpackFile(path: string, member: TarMember): Promise<void> {
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    for await (const piece of member.bytes) await handle.write(piece);
    await handle.chmod(member.mode);
  } finally {
    await handle.close();
  }
}

async function unpackDirectory(path: string, mode: number): Promise<void> {
  if ((await lstatOrUndefined(path))?.isDirectory() === true) return;
  await mkdir(path);
  await chmod(path, mode);
}

/** A file or a tree as a tar whose names start with the last component of its path; `/` is called `root`. */
export function packTree(path: string, name: string): AsyncIterable<Uint8Array> {
  return writeTar(entriesOf(path, name === '' ? 'root' : name));
}

async function* entriesOf(path: string, name: string): AsyncGenerator<TarEntry> {
  const stats = await lstatOrUndefined(path);
  if (stats === undefined) return;
  const common = { path: name, mode: stats.mode & 0o7777, uid: sandboxUid(stats.uid) };
  if (stats.isSymbolicLink()) yield { ...common, kind: 'link', linkTarget: await readlink(path) };
  else if (stats.isFile()) yield { ...common, kind: 'file', size: stats.size, bytes: readFileNoFollow(path) };
  else if (stats.isDirectory()) {
    yield { ...common, kind: 'directory' };
    for (const child of (await onDisk('list', path, () => readdir(path))).sort()) {
      yield* entriesOf(join(path, child), `${name}/${basename(child)}`);
    }
  }
}

async function* readFileNoFollow(path: string): AsyncGenerator<Uint8Array> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  const handle = await onDisk('open', path, () => open(path, flags));
  try {
    for await (const piece of handle.createReadStream({ autoClose: false, highWaterMark: 1024 * 1024 })) {
      yield piece as Uint8Array;
    }
  } finally {
    await handle.close();
  }
}
