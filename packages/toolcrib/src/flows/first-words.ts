import { Writable } from 'node:stream';
import { HOLD_PREFIX } from '../inject/held-input.ts';

/** In bytes: why a tool did not get to its command is told in fewer. */
const MOST = 4096;

/** What a tool writes before it says that it holds a command: of one that never does, why. */
export interface FirstWords {
  /** For what it writes on stderr, its announcement left out: passed on as soon as there was one. */
  readonly stream: Writable;
  /** There was one: what comes now may be the command's. */
  readonly tellHeld: () => void;
  /** @returns what it wrote, which nobody has read; undefined when there was one, or so much was written that nobody knows. */
  unheld(): string | undefined;
}

/** @param target where it is passed on to. */
export function createFirstWords(target: Writable): FirstWords {
  const kept: Buffer[] = [];
  let isPassing = false;
  const pass = (): void => {
    isPassing = true;
    for (const piece of kept.splice(0)) target.write(piece);
  };
  const words = (): string => Buffer.concat(kept).toString('utf8');
  return {
    stream: new Writable({
      write(piece: Buffer, _encoding, done) {
        if (isPassing) {
          target.write(piece, done);
          return;
        }
        kept.push(piece);
        // Where its runtime had something to say first, the announcement is among the words.
        if (words().length > MOST || words().includes(HOLD_PREFIX)) pass();
        done();
      },
    }),
    tellHeld: () => (isPassing ? undefined : pass()),
    unheld: () => (isPassing ? undefined : words()),
  };
}
