import { combineSignals } from '../../core/combined-signal.ts';
import type { Clock } from '../../core/clock.ts';
import { SandboxError } from '../../core/errors.ts';
import { quoteShellWord } from '../../core/shell-words.ts';
import type { Sandbox, SandboxIdentity } from '../sandbox.ts';
import { startExec } from './exec-process.ts';
import { askFacts } from './facts.ts';
import { endShells, type Prefix, type PrefixPatience } from './prefix-process.ts';
import { givesTerminal, refused } from './refusals.ts';
import { LONG_WORK, packRemote, statRemote, writeRemote, type RemoteWrite } from './remote-files.ts';
import { createShellSession, type ShellSession } from './shell-session.ts';
import { terminalOptionIn } from './terminal-option.ts';

export interface ExecSandboxOptions {
  /** As the user wrote it. */
  readonly reference: string;
  /** All of the environment of the prefix. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Unguessable bytes. */
  readonly random: (size: number) => Uint8Array;
  readonly patience?: Partial<PrefixPatience>;
  readonly signal?: AbortSignal;
}

const PATIENCE: PrefixPatience = { start: 30_000, halfClose: 5000, quiet: 30_000 };

/** In bytes. */
const MAX_TEXT = 64 * 1024;

/**
 * A sandbox behind a command that executes what follows it: `kubectl exec -i POD --`, `ssh HOST`, `nsenter …`. Nothing
 * but programs in it can be reached: who it is, what stands in it and what was written there is all their word, and
 * `uploader` says so. Programs run as the one user that the prefix chooses.
 *
 * Only `/bin/sh` follows the prefix. What is to be done goes over its stdin, with marks around every answer, so that
 * what a connection loses or adds is seen.
 * @param words of the prefix, at least one.
 * @throws NotFoundError `SANDBOX_NOT_FOUND` when the prefix's program is not there; SandboxError `EXEC_FAILED` when no
 * shell answers, or not in a usable way; RemoteError `UNREACHABLE`.
 */
export async function openExecSandbox(words: readonly string[], options: ExecSandboxOptions): Promise<Sandbox> {
  const { reference, env, clock, random, signal } = options;
  const prefix: Prefix = {
    words,
    env,
    clock,
    random,
    patience: { ...PATIENCE, ...options.patience },
    shells: new Set(),
  };
  const terminal = terminalOptionIn(words);
  if (terminal !== undefined) throw givesTerminal(prefix, terminal);
  const { identity, halfCloses, hasDigests } = await askFacts(prefix, signal).catch(async (error: unknown) => {
    await endShells(prefix);
    throw error;
  });
  const session = createShellSession(prefix);
  const closing = new AbortController();
  signal?.addEventListener('abort', () => session.close(), { once: true });
  const write = (file: Omit<RemoteWrite, 'hasDigests'>) => writeRemote(session, { ...file, hasDigests });
  return {
    reference,
    identity,
    ways: ['exec-tar', 'exec-cat'],
    uploader: { writeFile: write },
    programPath: (path) => path,
    choosesUser: false,
    stat: async (path) => {
      const entry = await statRemote(session, path);
      return entry && { kind: entry.kind, mode: entry.mode, size: entry.size, linkTarget: entry.linkTarget };
    },
    rootOwner: 0,
    readOwner: async (path) => (await statRemote(session, path))?.uid,
    readTar: (path) => packRemote(session, path),
    unpackTar: async (parent, tar, { spool = parent, user } = {}) => {
      verifyUser(user, identity);
      const name = `.toolcrib-${Buffer.from(random(8)).toString('hex')}.tar`;
      const path = `${spool.replace(/\/$/, '')}/${name}`;
      try {
        if (spool !== parent) await makeDirectory(session, spool);
        await write({ path, mode: 0o600, bytes: tar, signal });
        await unpack(session, parent, path);
      } finally {
        await session.ask({ script: `rm -f ${quoteShellWord(path)}`, maxBytes: MAX_TEXT }).catch(() => undefined);
      }
    },
    exec: async (request) => {
      verifyUser(request.user, identity);
      const signals = combineSignals([signal, closing.signal, request.signal]);
      return await startExec(prefix, request, { halfCloses, signal: signals });
    },
    close: async () => {
      session.close();
      closing.abort(refused(`${reference} was closed`, 'open it again'));
      await endShells(prefix);
    },
  };
}

/** One that is there is fine. */
async function makeDirectory(session: ShellSession, path: string): Promise<void> {
  const script = `exec 2>&1; umask 022; mkdir -p ${quoteShellWord(path)}`;
  const { code, output } = await session.ask({ script, maxBytes: MAX_TEXT });
  if (code !== 0) throw notInjectable(`the sandbox's mkdir ended with ${code}`, output);
}

async function unpack(session: ShellSession, parent: string, tar: string): Promise<void> {
  const script = `exec 2>&1; tar -x -p -f ${quoteShellWord(tar)} -C ${quoteShellWord(parent)}`;
  const { code, output } = await session.ask({ script, maxBytes: MAX_TEXT, quiet: LONG_WORK });
  if (code === 0) return;
  throw notInjectable(`the sandbox's tar ended with ${code}`, output);
}

function notInjectable(what: string, output: Buffer): SandboxError {
  const said = JSON.stringify(output.toString('utf8').trim().slice(-400));
  return new SandboxError('NOT_INJECTABLE', `${what}: ${said}`);
}

function verifyUser(user: string | undefined, identity: SandboxIdentity): void {
  if (user === undefined || user.split(':')[0] === identity.user) return;
  throw refused(
    `an exec prefix runs programs as uid ${identity.user} only, not as ${JSON.stringify(user)}`,
    'name the user in the prefix, e.g. exec:docker exec -i -u 1000 NAME',
  );
}
