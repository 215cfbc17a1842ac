import { spawn, type ChildProcess } from 'node:child_process';
import { combineSignals } from '../core/combined-signal.ts';
import { isSystemError, RemoteError, UsageError, type ToolcribError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { endOfProcessGroup, killProcessGroup } from '../disk/process-group.ts';

/** One call of git. */
export interface GitCall {
  readonly folder: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  /** Ends the call with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Most bytes that are taken from stdout. */
  readonly maxBytes?: number;
}

/** How a call of git ended. */
export interface GitEnd {
  readonly code: number;
  readonly stdout: Buffer;
  /** The beginning of what it said, printable, on one line. */
  readonly stderr: string;
}

/** A call that takes longer, in milliseconds, is given up. */
const DEADLINE_MS = 60_000;
const MAX_STDOUT_BYTES = 32 * 1024 * 1024;
const MAX_STDERR_BYTES = 4096;

/**
 * Runs git to its end: no shell, nothing on stdin, in a process group of which nothing is left.
 * @returns also when git failed: what an exit code means depends on the call.
 * @throws UsageError `USAGE` when git cannot be started; RemoteError `STORAGE` when it was ended by a signal, took too
 * long or wrote too much; the signal's reason.
 */
export async function runGit(call: GitCall): Promise<GitEnd> {
  call.signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const child = spawn('git', ['--no-pager', ...call.args], {
    cwd: call.folder,
    env: { ...call.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collectOutput(child, call.maxBytes ?? MAX_STDOUT_BYTES);
  const ended = await endOfProcessGroup(child, combineSignals([call.signal, deadline]));
  call.signal?.throwIfAborted();
  if (ended instanceof Error) throw notStarted(ended, call);
  if (deadline.aborted) throw gaveUp(call, `did not end within ${DEADLINE_MS / 1000} s`);
  if (output.excess()) throw gaveUp(call, `wrote more than ${call.maxBytes ?? MAX_STDOUT_BYTES} bytes`);
  if (typeof ended === 'string') throw gaveUp(call, `was ended by ${ended}`);
  return { code: ended, stdout: output.stdout(), stderr: output.stderr() };
}

function collectOutput(
  child: ChildProcess,
  maxBytes: number,
): { stdout(): Buffer; stderr(): string; excess(): boolean } {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const size = { out: 0, err: 0 };
  child.stdout?.on('data', (chunk: Buffer) => {
    size.out += chunk.byteLength;
    if (size.out > maxBytes) killProcessGroup(child);
    else out.push(chunk);
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    if (size.err < MAX_STDERR_BYTES) err.push(chunk);
    size.err += chunk.byteLength;
  });
  return {
    stdout: () => Buffer.concat(out),
    stderr: () => oneLine(Buffer.concat(err).subarray(0, MAX_STDERR_BYTES).toString('utf8')),
    excess: () => size.out > maxBytes,
  };
}

/** What git says quotes names and texts of the repository. */
function oneLine(text: string): string {
  return printable(text.trim().replaceAll(/\s*\n\s*/g, '; '));
}

function notStarted(cause: Error, { folder }: GitCall): UsageError {
  const missing = isSystemError(cause, 'ENOENT');
  const what = missing ? 'the program git was not found' : `git cannot be started: ${cause.message}`;
  return new UsageError('USAGE', what, {
    hint: missing ? `install git and put it on the PATH (and see that ${folder} is there)` : 'look at that program',
    cause,
  });
}

function gaveUp({ args, folder }: GitCall, what: string): ToolcribError {
  return new RemoteError('STORAGE', `git ${args[0] ?? ''} in ${folder} ${what}`, {
    hint: 'look at that repository: "git fsck" and "git status" tell what is wrong with it',
    details: { folder, command: args[0] ?? '' },
  });
}
