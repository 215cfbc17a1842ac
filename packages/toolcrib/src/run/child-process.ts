import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { getSystemErrorMessage } from 'node:util';
import { isProcessGroupAlive, killProcessGroup } from '../disk/process-group.ts';

/** Where the standard streams of a command lead: the caller's own, or three file descriptors. */
export type CommandStdio = 'inherit' | readonly [stdin: number, stdout: number, stderr: number];

/** What is started. */
export interface CommandOptions {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdio: CommandStdio;
  /**
   * Start it in a session of its own, so that all its descendants can be ended together. It has no controlling
   * terminal then: Ctrl-C does not reach it, and it cannot ask at `/dev/tty`.
   */
  readonly ownGroup: boolean;
}

/** Why nothing was started. */
export interface SpawnError {
  /**
   * The system's, e.g. `ENOENT`; `INVALID` for a command line that no system takes; `TOOL_ENDED` where what was to start
   * it in a sandbox ended before.
   */
  readonly code: string;
  /** In words, e.g. `no such file or directory (ENOENT)`. */
  readonly reason: string;
}

/** What became of a process whose end nobody told; `unknown` where its process was not found. */
export type ProcessFate = 'gone' | 'running' | 'unknown';

/** How a process ended: exactly one of both is null, both where nobody knows. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  /** Number of the signal that ended it. */
  readonly signal: number | null;
  /** Why nothing was started after all, where that showed only at the end: then both are null. */
  readonly notStarted?: SpawnError;
  /** What became of it, where who was to tell its end was killed: then both are null. */
  readonly fate?: ProcessFate;
}

/** A command that runs. */
export interface RunningCommand {
  /** Never rejects. Does not wait for descendants. */
  readonly end: Promise<ProcessEnd>;
  /** To the command, or to its group when it has its own. One that is gone is fine. */
  kill(signal: NodeJS.Signals): void;
  /** Whether anything of its own group is left (true also for what nobody has reaped yet). */
  isGroupAlive(): boolean;
}

/** Starts a command without a shell; its standard streams are left to it. */
export async function startCommand(options: CommandOptions): Promise<RunningCommand | SpawnError> {
  const [program = '', ...args] = options.command;
  // Node refuses an empty name with a message about its own argument; the system says ENOENT.
  if (program === '') return { code: 'ENOENT', reason: 'no such file or directory (ENOENT)' };
  try {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: options.stdio === 'inherit' ? 'inherit' : [...options.stdio],
      detached: options.ownGroup,
    });
    const end = childEnd(child);
    await started(child);
    return runningCommand(child, end, options.ownGroup);
  } catch (error) {
    return spawnError(error);
  }
}

async function started(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
}

/** The end of a child of this process. Never rejects. */
export function childEnd(child: ChildProcess): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    child.once('exit', (exitCode, signal) => {
      resolve({ exitCode, signal: signal === null ? null : constants.signals[signal] });
    });
  });
}

function runningCommand(child: ChildProcess, end: Promise<ProcessEnd>, ownGroup: boolean): RunningCommand {
  // A failed signal after the start is an error event too; it must not end this process.
  child.on('error', () => undefined);
  return {
    end,
    kill(signal) {
      if (ownGroup) killProcessGroup(child, signal);
      else child.kill(signal);
    },
    isGroupAlive: () => ownGroup && child.pid !== undefined && isProcessGroupAlive(child.pid),
  };
}

function spawnError(error: unknown): SpawnError {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
  if ('errno' in error && typeof error.errno === 'number') {
    return { code: error.code, reason: `${getSystemErrorMessage(error.errno)} (${error.code})` };
  }
  if (!error.code.startsWith('ERR_INVALID')) throw error;
  // Node's own message would quote the argument.
  return { code: 'INVALID', reason: `an argument or a variable that no system takes (${error.code})` };
}

/** The failure as one sentence. @param program may be redacted. */
export function spawnErrorText(program: string, error: SpawnError): string {
  return `failed to spawn command ${JSON.stringify(program)}: ${error.reason}`;
}
