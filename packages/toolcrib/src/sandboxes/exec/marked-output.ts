import { Readable } from 'node:stream';
import type { Piece } from './marks.ts';

/** One output of a program, between the marks that its script writes. */
export interface MarkedOutput {
  /** What the program wrote; over at its mark, or where the output was cut. */
  readonly stream: Readable;
  /** The first word about this output; undefined when it ended before. */
  readonly begun: Promise<string | undefined>;
  /** What stands in the mark at its end; undefined when the output was cut. Waits for who reads the stream. */
  readonly ended: Promise<string | undefined>;
  /** The end of what came before the program began: login shells and prefixes talk. */
  said(): string;
  /** Whether bytes wait for who reads the stream. */
  isHeldUp(): boolean;
  /** Whatever is still to come is of no interest. */
  destroy(error: Error | undefined): void;
}

/** In bytes. */
const KEPT = 2048;

/** @param name as it stands in the marks. Reads to the end at the pace of who reads `stream`. */
export function readMarkedOutput(name: 'out' | 'err', pieces: AsyncGenerator<Piece, undefined>): MarkedOutput {
  const begun = Promise.withResolvers<string | undefined>();
  let said = Buffer.alloc(0);
  let isBegun = false;
  let held: ((value: undefined) => void) | undefined;
  const wake = () => {
    held?.(undefined);
    held = undefined;
  };
  const stream = new Readable({
    read: wake,
    destroy: (error, done) => {
      wake();
      done(error);
    },
  });
  // Whoever waits for the exit learns of the error there; an output that nobody reads must not end the process.
  stream.on('error', () => undefined);
  const take = async (bytes: Buffer): Promise<void> => {
    if (!isBegun) said = Buffer.concat([said, bytes]).subarray(-KEPT);
    else if (!stream.destroyed) {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      held = resolve;
      if (stream.push(bytes)) held = undefined;
      else await promise;
    }
  };
  const pump = async (): Promise<string | undefined> => {
    for await (const piece of pieces) {
      if ('data' in piece) {
        await take(piece.data);
        continue;
      }
      const [output, word, value = ''] = piece.mark;
      if (output !== name) continue;
      if (word === 'end') return value;
      isBegun = true;
      begun.resolve(word);
    }
    return undefined;
  };
  const ended = pump().finally(() => {
    begun.resolve(undefined);
    stream.push(null);
  });
  ended.catch(() => undefined);
  return {
    stream,
    begun: begun.promise,
    ended,
    isHeldUp: () => held !== undefined,
    said: () => said.toString('utf8'),
    destroy: (error) => void stream.destroy(error),
  };
}
