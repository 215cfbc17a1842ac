import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitCodeOf, tellEnd, type CommandEnd } from './command-end.ts';
import { readFramedInput, takeBytes } from './framed-input.ts';
import { findProgram, type HeldCommand, type HeldProgram } from './held-command.ts';
import type { Native } from './native.ts';
import { endPatience, endSignals, familyVariable } from './process/end-signals.ts';
import { endFamily } from './process/process-ending.ts';
import { startReaper } from './process/reaper.ts';
import { runToEnd } from './run-to-end.ts';
import { tell } from './tell.ts';

/** In milliseconds: how long it is waited, after everything was ended, to learn and to tell how the command did. */
const lastWords = 1000;

/** Says that the command was not started, because the word was another one. @returns 125. */
export function notReleased(heard: string): number {
  tell(`sandbox-tools hold: not released: expected "go" and a newline on stdin, got ${JSON.stringify(heard)}`);
  return 125;
}

/** Says nothing under seal: the command ran. @returns 125. */
function endUnknown(): number {
  tell('sandbox-tools hold: how the command ended is not known');
  return 125;
}

/** How a command is supervised. */
export interface Supervision {
  readonly native: Native;
  /** What the input has to begin with. */
  readonly word: string;
  /** Seals what is told of the command's end; undefined: nobody asked to be told. 64 hex digits. */
  readonly key: string | undefined;
}

/**
 * Runs a command as a child, with the input that comes in frames on stdin. Stdin stays open as long as somebody is there
 * for whom the command runs, also when its input has ended; when stdin ends, the command is ended with everything that
 * it started, as on a signal. What a command leaves behind that ends by itself goes on.
 *
 * @returns the command's exit code, 128+N for a signal; 125 to 127 when it was not started, 125 also when its end is unknown. Does not return after the
 * connection ended or a signal came: then this process exits with 129, or 128+N.
 */
export async function superviseCommand(held: HeldCommand, supervision: Supervision): Promise<number> {
  const { native, word, key } = supervision;
  const { bytes, lost } = readFramedInput(process.stdin);
  const ending = Promise.withResolvers<number>();
  const tellIt = async (end: CommandEnd, abandoned: Promise<unknown>): Promise<number> => {
    if (key !== undefined) await tellEnd(end, key, abandoned);
    return exitCodeOf(end);
  };
  const refuse = (code: number): Promise<number> => tellIt({ how: 'refused', number: code }, ending.promise);
  void lost.then(() => ending.resolve(endSignals.SIGHUP));
  const heard = await takeBytes(bytes, word.length);
  if (heard !== word) return refuse(notReleased(heard));
  const program = findProgram(held);
  if (typeof program === 'number') return refuse(program);
  native.becomeSubreaper();
  let child: ChildProcess | undefined;
  startReaper(native, () => child?.pid);
  const mark = `${familyVariable}=${randomBytes(12).toString('hex')}`;
  const family = { ancestors: [process.pid], members: [], variable: mark, spared: new Set<string>() };
  for (const [signal, code] of Object.entries(endSignals)) process.on(signal, () => ending.resolve(code));
  const ended = runToEnd(program, () => (child = start(program, held, mark, bytes, native)));
  // Whichever is first: this process does not exit with the code of a command that ends because it is being ended.
  const first = await Promise.race([ending.promise.then((code) => ({ code })), ended.then((end) => ({ end }))]);
  if ('end' in first) return first.end === undefined ? endUnknown() : tellIt(first.end, ending.promise);
  await endFamily(family, endPatience);
  const enough = sleep(lastWords, undefined);
  const end = await Promise.race([ended, enough]);
  if (end !== undefined) await tellIt(end, enough);
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
