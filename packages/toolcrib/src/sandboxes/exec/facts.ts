import { createHash } from 'node:crypto';
import { statFields } from '../../core/process-stat.ts';
import type { SandboxIdentity, SandboxMount } from '../sandbox.ts';
import { markCommand } from './marks.ts';
import { readMarkedOutput } from './marked-output.ts';
import { scanned, startRemoteShell, type Prefix, type RemoteShell } from './prefix-process.ts';
import { givesTerminal, nameOf, neverAnswered, refused, withoutNullDevice } from './refusals.ts';
import { startWatchdog } from './watchdog.ts';

/** What a sandbox behind a prefix says of itself, and what its connection can do. */
export interface ExecFacts {
  readonly identity: SandboxIdentity;
  /** Whether a program sees the end of its input; over some connections it never does. */
  readonly halfCloses: boolean;
  readonly hasDigests: boolean;
}

/** In bytes, of all that a sandbox says of itself. */
const MAX_BYTES = 4 * 1024 * 1024;

/** In characters, of what comes before the first answer. */
const BEFORE = 2048;

/** Everything rests on it: as a file, which a root from `docker export` has, it grows and says what was written to it. */
const NULL_DEVICE = '[ -c /dev/null ] && ( : </dev/null >/dev/null )';

/** Every section is optional: no `/proc`, no `uname`, no fact. */
const SECTIONS: readonly (readonly [string, string])[] = [
  ['uid', 'id -u'],
  ['arch', 'uname -m'],
  ['host', 'uname -n'],
  ['cwd', 'pwd'],
  ['boot', 'cat /proc/sys/kernel/random/boot_id'],
  ['space', 'readlink /proc/self/ns/mnt /proc/self/ns/pid'],
  ['init', 'cat /proc/1/stat'],
  ['digests', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v sha256sum'],
  ['environ', 'cat /proc/$$/environ || env'],
  ['mounts', 'cat /proc/self/mountinfo'],
];

/**
 * Asks a sandbox who it is, through a connection of its own that also shows whether the end of an input is passed on.
 * @throws as `startExec`; SandboxError `EXEC_FAILED` for a prefix with a terminal, one that mixes both outputs, and for a
 * sandbox without the null device.
 */
export async function askFacts(prefix: Prefix, signal: AbortSignal | undefined): Promise<ExecFacts> {
  signal?.throwIfAborted();
  const shell = await startRemoteShell(prefix);
  const onAbort = () => shell.kill();
  signal?.addEventListener('abort', onAbort, { once: true });
  const errors = readMarkedOutput('err', scanned(shell.stderr, shell.nonce));
  errors.stream.resume();
  try {
    shell.stdin.write(script(shell.nonce));
    const sections = await readSections(prefix, shell, () => errors.said());
    if (textIn(sections, 'null') !== 'device') throw withoutNullDevice(prefix);
    return {
      identity: identityFrom(prefix, sections),
      hasDigests: textIn(sections, 'digests') !== '',
      halfCloses: await seesEnd(prefix, shell),
    };
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    shell.kill();
  }
}

function script(nonce: string): string {
  const parts = SECTIONS.map(
    ([name, command]) => `${markCommand(nonce, `out section ${name}`)}; { ${command}; } 2>/dev/null`,
  );
  return [
    '{ if [ -t 0 ] || [ -t 1 ]; then t=tty; else t=pipe; fi',
    `${markCommand(nonce, 'out begin $t')}; ${markCommand(nonce, 'err begin')} >&2`,
    // What follows would make a file of it.
    `if ! { ${NULL_DEVICE}; }; then ${markCommand(nonce, 'out section end')}; exit 0; fi`,
    `${markCommand(nonce, 'out section null')}; printf device`,
    ...parts,
    markCommand(nonce, 'out section end'),
    `cat >/dev/null; ${markCommand(nonce, 'out end 0')}; exit 0; }`,
    '',
  ].join('\n');
}

type Sections = ReadonlyMap<string, Buffer>;

async function readSections(prefix: Prefix, shell: RemoteShell, said: () => string): Promise<Sections> {
  const dog = startWatchdog(prefix.clock, prefix.patience.start, shell.kill);
  const sections = new Map<string, Buffer>();
  let current: string | undefined;
  let size = 0;
  let before = '';
  try {
    for (;;) {
      const { value, done } = await shell.pieces.next();
      if (done === true) throw neverAnswered(prefix, await shell.ended, said(), before);
      if ('data' in value) {
        size += value.data.byteLength;
        if (size > MAX_BYTES) throw refused(`${nameOf(prefix)} does not stop talking`, 'no shell answers through it');
        if (current === undefined) before = (before + value.data.toString('utf8')).slice(-BEFORE);
        else sections.set(current, Buffer.concat([sections.get(current) ?? Buffer.alloc(0), value.data]));
        continue;
      }
      const [output, word, name = ''] = value.mark;
      verifyWay(prefix, output === 'err', name === 'tty');
      if (word === 'section' && name === 'end') return sections;
      if (word === 'section') current = name;
    }
  } finally {
    dog.stop();
  }
}

function verifyWay(prefix: Prefix, isMixed: boolean, isTerminal: boolean): void {
  if (isTerminal) throw givesTerminal(prefix);
  if (isMixed)
    throw refused(`${nameOf(prefix)} mixes what programs write to stderr into stdout`, 'keep both outputs apart');
}

async function seesEnd(prefix: Prefix, shell: RemoteShell): Promise<boolean> {
  const dog = startWatchdog(prefix.clock, prefix.patience.halfClose, shell.kill);
  shell.stdin.end();
  try {
    for (;;) {
      const { value, done } = await shell.pieces.next();
      if (done === true) return false;
      if ('mark' in value && value.mark[1] === 'end') return true;
    }
  } finally {
    dog.stop();
  }
}

function textIn(sections: Sections, name: string): string {
  return (sections.get(name) ?? Buffer.alloc(0)).toString('utf8').replace(/\n$/, '');
}

/**
 * All of it is the sandbox's own word. A sandbox that tells another one's gets that one's ledger entries, and what they
 * say is proven again before it is used.
 */
function identityFrom(prefix: Prefix, sections: Sections): SandboxIdentity {
  const uid = textIn(sections, 'uid');
  const mounts = mountsFrom(textIn(sections, 'mounts'));
  const parts = [prefix.words, textIn(sections, 'host'), textIn(sections, 'space')];
  const root = mounts.find(({ path }) => path === '/');
  return {
    engine: 'exec',
    id: createHash('sha256').update(JSON.stringify(parts)).digest('hex'),
    startedAt: `${textIn(sections, 'boot')} ${initStart(textIn(sections, 'init'))}`,
    arch: textIn(sections, 'arch') || undefined,
    user: /^\d+$/.test(uid) ? uid : '?',
    cwd: textIn(sections, 'cwd') || '/',
    env: environmentFrom(textIn(sections, 'environ')),
    readOnlyRoot: root?.writable === false,
    mounts: mounts.filter(({ path }) => path !== '/'),
  };
}

/** When the first process started, in ticks since the machine did: field 22 of its `/proc/PID/stat`. */
function initStart(stat: string): string {
  return statFields(stat)[19] ?? '';
}

/** As proc(5) environ has it, or one line each where there is no `/proc`. */
export function environmentFrom(text: string): Readonly<Record<string, string>> {
  const lines = text.split(text.includes('\0') ? '\0' : '\n');
  return Object.fromEntries(
    lines.flatMap((line): [string, string][] => {
      const equals = line.indexOf('=');
      return equals > 0 ? [[line.slice(0, equals), line.slice(equals + 1)]] : [];
    }),
  );
}

const KERNEL = ['proc', 'sysfs', 'devpts', 'mqueue', 'cgroup', 'cgroup2', 'devtmpfs'];

/**
 * The mounts in proc(5) mountinfo. What is a directory of the host cannot be told from inside, and a tmpfs is as visible
 * as anything else, because only programs inside look at it: both are volumes here.
 */
export function mountsFrom(mountinfo: string): readonly SandboxMount[] {
  const mounts = mountinfo.split('\n').flatMap((line): SandboxMount[] => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , , path, options = ''] = before.split(' ');
    if (path === undefined) return [];
    const flags = options.split(',');
    const kind = KERNEL.includes(after.split(' ')[0] ?? '') ? 'other' : 'volume';
    return [{ path: unescape(path), kind, writable: !flags.includes('ro'), executable: !flags.includes('noexec') }];
  });
  return mounts.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** Blanks and backslashes stand in mountinfo as three octal digits. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}
