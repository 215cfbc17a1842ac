import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { Readable, Writable } from 'node:stream';
import { isSystemError } from '../../core/errors.ts';
import { killProcessGroup } from '../../disk/process-group.ts';
import type { ExecExit, SandboxProcess } from '../sandbox.ts';

/** A program to start as a child of this process. */
export interface LocalCommand {
  readonly argv: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** A path of the host. */
  readonly cwd: string;
  /** False: stdin is closed at once. */
  readonly stdin: boolean;
  readonly signal: AbortSignal | undefined;
}

/** In milliseconds: what a program may take to end, and to end what it started, after a SIGTERM. */
const GRACE = 6000;

/**
 * Starts a program in a session of its own, without a terminal. One that cannot be started ends with 127 (not there) or
 * 126, and says so on stderr, like in a container. An abort ends it with SIGTERM, and what is left of its process group
 * with SIGKILL: when it has ended, or at last after a moment.
 */
export async function startLocalProcess(command: LocalCommand): Promise<SandboxProcess> {
  const { argv, env, cwd, signal } = command;
  signal?.throwIfAborted();
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const failed = await once(child, 'spawn').then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failed !== undefined) return unstarted(failed);
  // A program that closed its input discards what comes after.
  child.stdin.on('error', () => undefined);
  if (!command.stdin) child.stdin.end();
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exit: exitOf(child, signal) };
}

function exitOf(child: ChildProcessWithoutNullStreams, signal: AbortSignal | undefined): Promise<ExecExit> {
  const exit = Promise.withResolvers<ExecExit>();
  exit.promise.catch(() => undefined);
  const onAbort = () => {
    exit.reject(signal?.reason);
    end(child);
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  child.on('close', (code, by) => {
    signal?.removeEventListener('abort', onAbort);
    exit.resolve({ code: code ?? 128 + (by === null ? 0 : constants.signals[by]) });
  });
  return exit.promise;
}

/**
 * What stands between the program and its group may be ended before it has told its own children to go with it: bubblewrap
 * has a child, from its first moment on, which waits for it without end.
 */
function end(child: ChildProcessWithoutNullStreams): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const late = setTimeout(() => killProcessGroup(child), GRACE);
  child.once('exit', () => {
    clearTimeout(late);
    killProcessGroup(child);
  });
  child.kill('SIGTERM');
}

function unstarted(error: unknown): SandboxProcess {
  const message = error instanceof Error ? error.message : String(error);
  const code = isSystemError(error, 'ENOENT') ? 127 : 126;
  return {
    stdin: new Writable({ write: (_piece, _encoding, done) => done() }),
    stdout: Readable.from([]),
    stderr: Readable.from([Buffer.from(`${message}\n`)]),
    exit: Promise.resolve({ code }),
  };
}
