import { readSync } from 'node:fs';
import { findProgram, refuseStart, type HeldCommand } from './held-command.ts';
import type { Native } from './native.ts';
import { openSentinel } from './sentinel.ts';
import { notReleased, superviseCommand } from './supervised-command.ts';
import { tell } from './tell.ts';

/** What stands before the JSON of the line on stderr that says that the process is held. */
const readyPrefix = 'toolcrib-hold ';

/** Become the command; or stay as its supervisor, and take all further input in frames. */
const words = { become: 'go\n', supervise: 'frames\n' } as const;

/**
 * Before that word: the process is to show itself to who observes the kernel, by a nonce; and it is to tell how its
 * command ended, sealed with a key. Nobody else knows either.
 */
const secretWord = /^(sentinel|outcome) ([0-9a-f]{64})\n$/;
const longestWord = 'sentinel '.length + 64 + 1;

/**
 * Says on stderr that this process is held, shows itself to an observer if it is asked to, waits for the word, and becomes
 * the command. Asked for supervision it stays, and tells how the command ended where it was given a key for that:
 * who has its input in frames can tell its end from the end of the connection, upon which nothing of it is left.
 *
 * @returns an exit code: the command's own under supervision; otherwise only when the command was not started: 125 not
 * released, 126 not executable, 127 not found.
 */
export async function hold(held: HeldCommand, native: Native): Promise<number> {
  // The secrets that may come are for nobody else.
  native.becomeOpaque();
  const offer = { held: true, pid: process.pid, frames: true, sentinel: true, outcome: true };
  tell(`${readyPrefix}${JSON.stringify(offer)}`);
  const { heard, key } = takeWords();
  if (heard === words.become) return become(held, native);
  if (heard === words.supervise) return superviseCommand(held, { native, word: words.become, key });
  return notReleased(heard);
}

/** @returns the first word that tells no secret, and the key that came before it. */
function takeWords(): { readonly heard: string; readonly key: string | undefined } {
  let key: string | undefined;
  for (;;) {
    const heard = readWord();
    const [, what, secret] = secretWord.exec(heard) ?? [];
    if (secret === undefined) return { heard, key };
    if (what === 'sentinel') openSentinel(secret);
    else key = secret;
  }
}

function become(held: HeldCommand, native: Native): number {
  const program = findProgram(held);
  if (typeof program === 'number') return program;
  try {
    process.chdir(held.cwd);
    native.resetSignals();
    process.execve?.(program.file, program.argv, held.env);
    throw new Error('this runtime cannot replace its process');
  } catch (error) {
    return refuseStart(program, error);
  }
}

/** Reads byte by byte: what follows the newline belongs to the command. */
function readWord(): string {
  let heard = '';
  while (!heard.endsWith('\n') && heard.length < longestWord) {
    const byte = readByte();
    if (byte === undefined) break;
    heard += byte;
  }
  return heard;
}

function readByte(): string | undefined {
  const byte = Buffer.alloc(1);
  for (;;) {
    try {
      return readSync(0, byte, 0, 1, null) === 0 ? undefined : byte.toString('latin1');
    } catch (error) {
      // Whoever shares stdin with this process may have made it non-blocking.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return undefined;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
