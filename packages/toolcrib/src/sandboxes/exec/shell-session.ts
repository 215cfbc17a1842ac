import type { Readable, Writable } from 'node:stream';
import { hasCode, RemoteError } from '../../core/errors.ts';
import { markCommand, type Piece } from './marks.ts';
import { startRemoteShell, type Prefix, type RemoteShell } from './prefix-process.ts';
import { lostConnection, nameOf, neverAnswered } from './refusals.ts';
import { startWatchdog, type Watchdog } from './watchdog.ts';

/** What a script in the sandbox answered. */
export interface Answer {
  readonly code: number;
  readonly output: Buffer;
}

export interface Question {
  /** POSIX shell; runs in a subshell with a fixed PATH and the locale C. */
  readonly script: string;
  /** The script's stdin, which must read exactly this many bytes; without it there is nothing to read. */
  readonly input?: Uint8Array;
  /** In bytes; more is not an answer. */
  readonly maxBytes: number;
  /** Milliseconds that it may say nothing; default: the prefix's own patience. */
  readonly quiet?: number;
}

/** One shell in the sandbox that answers one question after the other. */
export interface ShellSession {
  /**
   * Asks, and asks again through a new connection when one was lost: a script has to do the same when it runs twice.
   * @throws RemoteError `UNREACHABLE` when connections go on being lost, `REMOTE_REFUSED` for an answer that is too long.
   */
  ask(question: Question): Promise<Answer>;
  close(): void;
}

/** How often a question is asked before it counts as unanswerable. */
const ATTEMPTS = 4;
/** In milliseconds, before the second attempt; doubled for each further one. */
const PAUSE = 100;
/** In bytes: sent before it is looked whether they move. */
const STRIDE = 64 * 1024;
const FIXED = 'PATH=/usr/sbin:/usr/bin:/sbin:/bin; LC_ALL=C; export PATH LC_ALL; unset LD_PRELOAD LD_LIBRARY_PATH';

export function createShellSession(prefix: Prefix): ShellSession {
  let line: Promise<Line> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  const askOnce = async (question: Question): Promise<Answer> => {
    if (closed) throw lostConnection(prefix, 'was closed', '');
    line ??= openLine(prefix);
    const opened = line;
    try {
      return await (await opened).ask(question);
    } catch (error) {
      line = undefined;
      void opened.then(
        (one) => one.close(),
        () => undefined,
      );
      throw error;
    }
  };
  const ask = async (question: Question): Promise<Answer> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await askOnce(question);
      } catch (error) {
        if (attempt === ATTEMPTS || closed || !hasCode(error, 'UNREACHABLE', 'EXEC_FAILED')) throw error;
        await prefix.clock.sleep(PAUSE * 2 ** (attempt - 1));
      }
    }
  };
  return {
    ask(question) {
      const answer = last.then(() => ask(question));
      last = answer.catch(() => undefined);
      return answer;
    },
    close() {
      closed = true;
      void line?.then(
        (one) => one.close(),
        () => undefined,
      );
    },
  };
}

/** One connection; after a failure it is of no use any more. */
interface Line {
  ask(question: Question): Promise<Answer>;
  close(): void;
}

async function openLine(prefix: Prefix): Promise<Line> {
  const shell = await startRemoteShell(prefix);
  const said = tailOf(shell.stderr);
  let count = 0;
  const ask = async (question: Question): Promise<Answer> => {
    count += 1;
    return await exchange(prefix, shell, count, question, said);
  };
  try {
    await waitFirst(prefix, shell, said);
  } catch (error) {
    shell.kill();
    throw error;
  }
  return { ask, close: () => shell.kill() };
}

async function waitFirst(prefix: Prefix, shell: RemoteShell, said: () => string): Promise<void> {
  const dog = startWatchdog(prefix.clock, prefix.patience.start, shell.kill);
  try {
    shell.stdin.write(`${FIXED}; ${markCommand(shell.nonce, 'out begin 0')}\n`);
    for (;;) {
      const { value, done } = await shell.pieces.next();
      if (done === true) throw neverAnswered(prefix, await shell.ended, said());
      if ('mark' in value && value.mark.join(' ') === 'out begin 0') return;
    }
  } finally {
    dog.stop();
  }
}

async function exchange(
  prefix: Prefix,
  shell: RemoteShell,
  sequence: number,
  question: Question,
  said: () => string,
): Promise<Answer> {
  const { script, input, maxBytes } = question;
  const dog = startWatchdog(prefix.clock, question.quiet ?? prefix.patience.quiet, shell.kill);
  const pieces: Buffer[] = [];
  let size = 0;
  let isBegun = false;
  try {
    shell.stdin.write(compound(shell.nonce, sequence, script, input !== undefined));
    for (;;) {
      const piece = await nextPiece(prefix, shell, dog, said);
      if ('data' in piece) {
        size += piece.data.byteLength;
        if (size > maxBytes) throw tooLong(prefix, maxBytes);
        if (isBegun) pieces.push(piece.data);
        continue;
      }
      const [output, word, number, code = ''] = piece.mark;
      if (output !== 'out' || number !== String(sequence)) throw lostConnection(prefix, 'answered out of turn', said());
      if (word === 'end' && isBegun) return { code: Number(code), output: Buffer.concat(pieces) };
      if (word !== 'begin' || isBegun) throw lostConnection(prefix, 'answered out of turn', said());
      isBegun = true;
      size = 0;
      // What is sent before the script has begun could be taken for a part of it.
      if (input !== undefined) await send(shell.stdin, input, dog);
    }
  } finally {
    dog.stop();
  }
}

/** One compound command, so that the shell has read all of it before it executes any. */
function compound(nonce: string, sequence: number, script: string, hasInput: boolean): string {
  const begin = markCommand(nonce, `out begin ${sequence}`);
  const end = markCommand(nonce, `out end ${sequence} $?`);
  return `{ ${begin}\n(\n${script}\n)${hasInput ? '' : ' </dev/null'}\n${end}; }\n`;
}

async function nextPiece(prefix: Prefix, shell: RemoteShell, dog: Watchdog, said: () => string): Promise<Piece> {
  const { value, done } = await shell.pieces.next();
  dog.moved();
  if (done !== true) return value;
  throw lostConnection(prefix, (await shell.ended).how, said());
}

/** Gives up when the shell is gone: then its end is seen where its answer is waited for. */
async function send(stdin: Writable, input: Uint8Array, dog: Watchdog): Promise<void> {
  for (let at = 0; at < input.byteLength && stdin.writable; at += STRIDE) {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    stdin.write(input.subarray(at, at + STRIDE), () => resolve(undefined));
    await promise;
    dog.moved();
  }
}

function tooLong(prefix: Prefix, maxBytes: number): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `${nameOf(prefix)} answered with more than ${maxBytes} bytes`, {
    hint: 'the sandbox, or the prefix, does not answer what it was asked',
  });
}

/** Drains a stream; tells the end of what came. */
function tailOf(stream: Readable): () => string {
  let tail = Buffer.alloc(0);
  stream.on('data', (bytes: Buffer) => {
    tail = Buffer.concat([tail, bytes]).subarray(-2048);
  });
  stream.on('error', () => undefined);
  return () => tail.toString('utf8');
}
