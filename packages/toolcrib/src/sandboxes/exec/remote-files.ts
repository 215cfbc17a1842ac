import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { RemoteError, SandboxError } from '../../core/errors.ts';
import { quoteShellWord } from '../../core/shell-words.ts';
import { writeTar, type TarEntry } from '../../tar/write.ts';
import type { SandboxEntry } from '../sandbox.ts';
import { refused } from './refusals.ts';
import type { Answer, ShellSession } from './shell-session.ts';

/** In bytes: as much is read or written at once, and repeated when it did not come whole. */
const FRAME = 4 * 1024 * 1024;

/** How often a frame that came short is asked for again. */
const ATTEMPTS = 4;
/** In bytes, of what is told about all entries of a tree. */
const MAX_LISTING = 64 * 1024 * 1024;
const MAX_TEXT = 64 * 1024;
/** In milliseconds: a program that goes through a large file says nothing meanwhile. */
export const LONG_WORK = 300_000;
const NOTHING = 3;

/** What stands at a path of the sandbox, as its programs say. */
export interface RemoteEntry extends SandboxEntry {
  readonly path: string;
  readonly uid: number;
}

/** For each argument: mode (hexadecimal), uid and size; a newline; its path and where it points to, each with a NUL. */
const TELL = `tell() { stat -c '%f %u %s' -- "$1" || exit 5
  printf '%s\\0' "$1"
  if [ -h "$1" ]; then readlink -n -- "$1"; fi
  printf '\\0'; }`;
const WALK = `walk() { tell "$1"
  if [ -d "$1" ] && ! [ -h "$1" ]; then
    for f in "$1"/* "$1"/.[!.]* "$1"/..?*; do if [ -e "$f" ] || [ -h "$f" ]; then walk "$f"; fi; done
  fi; }`;
const IS_THERE = `[ -e "$p" ] || [ -h "$p" ] || exit ${NOTHING}`;

/** @returns undefined when nothing stands there, or nothing that the user of the prefix can see. */
export async function statRemote(session: ShellSession, path: string): Promise<RemoteEntry | undefined> {
  const script = `p=${quoteShellWord(path)}; ${IS_THERE}\n${TELL}\ntell "$p"`;
  const answer = await session.ask({ script, maxBytes: MAX_TEXT });
  if (answer.code === NOTHING) return undefined;
  return entriesFrom(verified(answer, `examine ${path}`))[0];
}

/** The entry and all below it, parents before children. Links are not followed. */
async function listRemote(session: ShellSession, path: string): Promise<readonly RemoteEntry[]> {
  const script = `p=${quoteShellWord(path)}; ${IS_THERE}\n${TELL}\n${WALK}\nwalk "$p"`;
  const answer = await session.ask({ script, maxBytes: MAX_LISTING, quiet: LONG_WORK });
  return answer.code === NOTHING ? [] : entriesFrom(verified(answer, `list ${path}`));
}

function verified(answer: Answer, what: string): Buffer {
  if (answer.code === 0) return answer.output;
  throw refused(
    `the sandbox's programs could not ${what} (exit code ${answer.code})`,
    'an exec sandbox needs sh, stat, readlink, cat, dd, head, id, mkdir, chmod and rm',
  );
}

/** @throws RemoteError `REMOTE_REFUSED` for anything else than what the scripts write. */
export function entriesFrom(listing: Buffer): readonly RemoteEntry[] {
  const entries: RemoteEntry[] = [];
  for (let rest = listing; rest.byteLength > 0;) {
    const newline = rest.indexOf(0x0a);
    const path = newline < 0 ? -1 : rest.indexOf(0, newline);
    const target = path < 0 ? -1 : rest.indexOf(0, path + 1);
    const match = /^([0-9a-f]{1,8}) (\d{1,10}) (\d{1,15})$/.exec(rest.toString('latin1', 0, Math.max(newline, 0)));
    if (match === null || target < 0) throw garbled();
    const [, mode = '', uid = '', size = ''] = match;
    entries.push({
      ...kindAndMode(parseInt(mode, 16)),
      uid: Number(uid),
      size: Number(size),
      path: rest.toString('utf8', newline + 1, path),
      linkTarget: rest.toString('utf8', path + 1, target),
    });
    rest = rest.subarray(target + 1);
  }
  return entries;
}

function garbled(): RemoteError {
  return new RemoteError('REMOTE_REFUSED', 'what the sandbox told about its files cannot be read', {
    hint: 'its programs, or the prefix, do not answer what they are asked',
  });
}

/** The `st_mode` of inode(7). */
function kindAndMode(mode: number): Pick<SandboxEntry, 'kind' | 'mode'> {
  const kinds: Readonly<Record<number, SandboxEntry['kind']>> = { 0o10: 'file', 0o04: 'directory', 0o12: 'link' };
  return { kind: kinds[mode >> 12] ?? 'other', mode: mode & 0o7777 };
}

/**
 * A file or a tree as a tar whose names start with the last component of its path; `/` is called `root`.
 * @returns undefined when nothing is there.
 */
export async function packRemote(session: ShellSession, path: string): Promise<AsyncIterable<Uint8Array> | undefined> {
  const entries = await listRemote(session, path);
  if (entries.length === 0) return undefined;
  const name = posix.basename(path) || 'root';
  return writeTar(entries.map((entry) => tarEntryOf(session, entry, `${name}${entry.path.slice(path.length)}`)));
}

function tarEntryOf(session: ShellSession, entry: RemoteEntry, path: string): TarEntry {
  const { kind, mode, uid, size, linkTarget } = entry;
  if (kind === 'link') return { path, kind, mode, uid, linkTarget };
  if (kind === 'directory') return { path, kind, mode, uid };
  if (kind === 'file') return { path, kind, mode, uid, size, bytes: readRemote(session, entry.path, size) };
  throw new SandboxError('NOT_INJECTABLE', `${entry.path} is neither a file nor a directory nor a link`);
}

/** The first `size` bytes of a file, in frames. */
async function* readRemote(session: ShellSession, path: string, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += FRAME) yield await readFrame(session, path, at, Math.min(FRAME, size - at));
}

/** @throws RemoteError `REMOTE_REFUSED` when the frame does not come whole. */
async function readFrame(session: ShellSession, path: string, at: number, size: number): Promise<Buffer> {
  const script = `dd if=${quoteShellWord(path)} bs=${FRAME} skip=${at / FRAME} count=1 2>/dev/null`;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { output } = await session.ask({ script, maxBytes: FRAME + MAX_TEXT });
    if (output.byteLength === size) return output;
  }
  throw new RemoteError('REMOTE_REFUSED', `${size} bytes of ${path} at ${at} did not come whole`, {
    hint: 'the connection loses bytes, or the file changes while it is read',
  });
}

/** What is written to a file of the sandbox. */
export interface RemoteWrite {
  readonly path: string;
  readonly mode: number;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Whether the sandbox has `sha256sum`; otherwise every frame is read back. */
  readonly hasDigests: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Writes a file in frames. Each is checked in the sandbox, or read back, before the next is sent, and sent again when it
 * did not arrive; at the end the file as a whole is checked.
 * @throws SandboxError `NOT_INJECTABLE` with what the sandbox said; RemoteError `UNREACHABLE`, `REMOTE_REFUSED`; the
 * signal's reason; whatever the iteration throws.
 */
export async function writeRemote(session: ShellSession, write: RemoteWrite): Promise<void> {
  const whole = createHash('sha256');
  let at = 0;
  for await (const frame of framesOf(write.bytes)) {
    write.signal?.throwIfAborted();
    whole.update(frame);
    await writeFrame(session, write, at, frame);
    at += frame.byteLength;
  }
  await finish(session, write, at, whole.digest('hex'));
}

/** Pieces of {@link FRAME} bytes, the last one shorter; one empty piece when there is nothing. */
async function* framesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let size = 0;
  let count = 0;
  for await (let piece of bytes) {
    while (size + piece.byteLength >= FRAME) {
      yield Buffer.concat([...held, piece.subarray(0, FRAME - size)]);
      count += 1;
      piece = piece.subarray(FRAME - size);
      held = [];
      size = 0;
    }
    held.push(Uint8Array.from(piece));
    size += piece.byteLength;
  }
  if (size > 0 || count === 0) yield Buffer.concat(held);
}

async function writeFrame(session: ShellSession, write: RemoteWrite, at: number, frame: Buffer): Promise<void> {
  const digest = createHash('sha256').update(frame).digest('hex');
  const check = write.hasDigests
    ? `s=$(dd if="$f" bs=${FRAME} skip=${at / FRAME} count=1 2>/dev/null | sha256sum); [ "\${s%% *}" = ${digest} ] || exit 13`
    : ':';
  // The head of busybox calls a full disk an I/O error; what the shell writes after it tells what it is.
  // The file is first cut where the frame begins, so that one which is sent again takes the place of what came of it.
  const script = `exec 2>&1; umask 077; f=${quoteShellWord(write.path)}
[ ! -h "$f" ] || exit 11
dd if=/dev/null of="$f" bs=${FRAME} seek=${at / FRAME} || exit 11
head -c ${frame.byteLength} >>"$f" || { echo >>"$f"; exit 12; }
${check}`;
  let answer: Answer = { code: 0, output: Buffer.alloc(0) };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    answer = await session.ask({ script, input: frame, maxBytes: MAX_TEXT });
    if (answer.code !== 0 && answer.code !== 13) break;
    if (answer.code === 0 && (write.hasDigests || (await isThere(session, write.path, at, frame)))) return;
  }
  throw notWritten(write.path, answer);
}

async function isThere(session: ShellSession, path: string, at: number, frame: Buffer): Promise<boolean> {
  return frame.byteLength === 0 || frame.equals(await readFrame(session, path, at, frame.byteLength));
}

async function finish(session: ShellSession, write: RemoteWrite, size: number, digest: string): Promise<void> {
  const file = quoteShellWord(write.path);
  const check = write.hasDigests
    ? `s=$(sha256sum <"$f"); [ "\${s%% *}" = ${digest} ] || exit 13`
    : `s=$(wc -c <"$f"); [ "$s" -eq ${size} ] || exit 13`;
  const script = `exec 2>&1; f=${file}\n${check}\nchmod ${write.mode.toString(8)} "$f" || exit 14`;
  const answer = await session.ask({ script, maxBytes: MAX_TEXT, quiet: LONG_WORK });
  if (answer.code !== 0) throw notWritten(write.path, answer);
}

const REASONS: Readonly<Record<number, string>> = {
  13: 'what arrived is not what was sent',
  127: 'a program for it is not there',
};

function notWritten(path: string, { code, output }: Answer): SandboxError {
  const said = output.toString('utf8').trim().slice(-400);
  const reason = REASONS[code] ?? (said === '' ? `exit code ${code}` : JSON.stringify(said));
  return new SandboxError('NOT_INJECTABLE', `the sandbox's programs could not write ${path}: ${reason}`);
}
