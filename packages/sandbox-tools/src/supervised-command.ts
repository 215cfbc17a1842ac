import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { readFramedInput, takeBytes } from './framed-input.ts';
import { findProgram, refuseStart, type HeldCommand, type HeldProgram } from './held-command.ts';
import type { Native } from './native.ts';
import { endPatience, endSignals, familyVariable } from './process/end-signals.ts';
import { endFamily } from './process/process-ending.ts';
import { startReaper } from './process/reaper.ts';
import { tell } from './tell.ts';

/** Says that the command was not started, because the word was another one. @returns 125. */
export function notReleased(heard: string): number {
  tell(`sandbox-tools hold: not released: expected "go" and a newline on stdin, got ${JSON.stringify(heard)}`);
  return 125;
}

/**
 * Runs a command as a child, with the input that comes in frames on stdin. Stdin stays open as long as somebody is there
 * for whom the command runs, also when its input has ended; when stdin ends, the command is ended with everything that
 * it started, as on a signal. What a command leaves behind that ends by itself goes on.
 *
 * @param word what the input has to begin with.
 * @returns the command's exit code, 128+N for a signal; 125 to 127 when it was not started. Does not return after the
 * connection ended or a signal came: then this process exits with 129, or 128+N.
 */
export async function superviseCommand(held: HeldCommand, native: Native, word: string): Promise<number> {
  const { bytes, lost } = readFramedInput(process.stdin);
  const heard = await takeBytes(bytes, word.length);
  if (heard !== word) return notReleased(heard);
  const program = findProgram(held);
  if (typeof program === 'number') return program;
  native.becomeSubreaper();
  startReaper(native);
  const mark = `${familyVariable}=${randomBytes(12).toString('hex')}`;
  const family = { ancestors: [process.pid], members: [], variable: mark, spared: new Set<string>() };
  const ending = Promise.withResolvers<number>();
  for (const [signal, code] of Object.entries(endSignals)) process.on(signal, () => ending.resolve(code));
  void lost.then(() => ending.resolve(endSignals.SIGHUP));
  const ended = runToEnd(program, () => start(program, held, mark, bytes, native));
  // Whichever is first: a command that ends because it is being ended has no say.
  const first = await Promise.race([ending.promise.then((code) => ({ code })), ended]);
  if (typeof first === 'number') return first;
  await endFamily(family, endPatience);
  process.exit(first.code);
}

function start(
  { file, argv }: HeldProgram,
  { env, cwd }: HeldCommand,
  mark: string,
  input: Readable,
  native: Native,
): ChildProcess {
  const real = native.openInputPipe();
  const [argv0, ...args] = argv;
  const [name = '', value = ''] = mark.split('=');
  const child = spawn(file, args, {
    argv0,
    cwd,
    env: { ...env, [name]: value },
    stdio: [real?.read ?? 'pipe', 'inherit', 'inherit'],
  });
  if (real !== undefined) closeSync(real.read);
  feed(input, real?.writer ?? child.stdin);
  return child;
}

/** What a command leaves unread is of no interest; it is read on, so that the end of the connection is seen. */
function feed(input: Readable, stdin: Writable | null): void {
  if (stdin === null) {
    input.resume();
    return;
  }
  stdin.on('error', () => undefined);
  stdin.once('close', () => input.resume());
  // Without this option `pipe` looks whether it is process.stdout that it would end. That opens it, which makes it
  // non-blocking, also for the command: its writes would fail as soon as nobody reads for a moment.
  input.pipe(stdin, { end: false });
  input.once('end', () => stdin.end());
}

/** @returns the exit code. A file that cannot be executed is an error of the start, or an event behind it. */
async function runToEnd(program: HeldProgram, begin: () => ChildProcess): Promise<number> {
  try {
    const child = begin();
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } catch (error) {
    return refuseStart(program, error);
  }
}
