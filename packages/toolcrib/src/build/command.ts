import { spawn, type ChildProcess } from 'node:child_process';
import { CheckError, InterruptedError } from '../core/errors.ts';
import { killProcessGroup } from '../disk/process-group.ts';

/** A program to run for a build. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** A program with its arguments that starts it, e.g. in namespaces of its own. Default: it is started as it is. */
  readonly launcher?: readonly string[] | undefined;
  readonly cwd: string;
  /** All of its environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** What it does, as in "… failed". */
  readonly what: string;
  /** Is given what it writes, as it writes it. */
  readonly onOutput?: ((bytes: Uint8Array) => void) | undefined;
}

const TAIL_BYTES = 4096;
const MAX_STDOUT_BYTES = 64 * 1024 * 1024;
/** Time between asking a program to end and ending it, in milliseconds. */
const GRACE_MS = 2000;

/**
 * Runs a program in a process group of its own, of which nothing is left when this returns. Its stdin is empty.
 * @returns what it wrote to stdout.
 * @throws CheckError `BUILD_FAILED` with the tail of its output; InterruptedError.
 */
export async function runCommand(command: Command): Promise<Buffer> {
  verifyNotAborted(command);
  const [program = command.program, ...args] = [...(command.launcher ?? []), command.program, ...command.args];
  const child = spawn(program, args, {
    cwd: command.cwd,
    env: command.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collectOutput(child, command.onOutput);
  const ended = await endOf(child, command.signal);
  if (ended instanceof Error) throw notStarted(command, ended);
  verifyNotAborted(command);
  if (ended !== 0) throw failed(command, ended, output.tail());
  return output.stdout();
}

function verifyNotAborted({ signal, what }: Command): void {
  if (signal.aborted) throw new InterruptedError(`${what} was interrupted`);
}

/** The exit code, the signal, or why it did not start. */
async function endOf(child: ChildProcess, signal: AbortSignal): Promise<number | string | Error> {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    killProcessGroup(child, 'SIGTERM');
    timer = setTimeout(() => killProcessGroup(child, 'SIGKILL'), GRACE_MS);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await new Promise((resolve) => {
      child.once('error', resolve);
      // What it left behind in its group would hold the output open and go on writing.
      child.once('exit', () => killProcessGroup(child, 'SIGKILL'));
      child.once('close', (code, by) => resolve(code ?? by ?? 'an unknown signal'));
    });
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(timer);
  }
}

function collectOutput(child: ChildProcess, onOutput: Command['onOutput']): { stdout(): Buffer; tail(): string } {
  const chunks: Buffer[] = [];
  let size = 0;
  let tail = Buffer.alloc(0);
  const remember = (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES);
    onOutput?.(chunk);
  };
  child.stdout?.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size <= MAX_STDOUT_BYTES) chunks.push(chunk);
    remember(chunk);
  });
  child.stderr?.on('data', remember);
  return { stdout: () => Buffer.concat(chunks), tail: () => tail.toString('utf8').trim() };
}

function notStarted(command: Command, cause: Error): CheckError {
  return new CheckError('BUILD_FAILED', `${command.what} failed: cannot start ${command.program}: ${cause.message}`, {
    cause,
    hint: `install ${command.program}, or put it on the PATH`,
  });
}

function failed(command: Command, ended: number | string, tail: string): CheckError {
  const how = typeof ended === 'number' ? `exited with ${ended}` : `was ended by ${ended}`;
  const output = tail === '' ? 'it wrote nothing' : `the end of its output:\n${tail}`;
  return new CheckError('BUILD_FAILED', `${command.what} failed: ${command.program} ${how}; ${output}`, {
    hint: 'mend what the output tells, and build again',
    details: { output: tail, ...(typeof ended === 'number' ? { exitCode: ended } : { signal: ended }) },
  });
}
