import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { createFrameParser } from './input-frames.ts';

/**
 * In bytes: what is kept of an input that nobody reads. The end of a connection is seen only behind what was sent before
 * it, so no more than that may wait there.
 */
const kept = 16 * 1024 * 1024;

/** An input that came in frames. */
export interface FramedInput {
  /** The bytes, which end where the input does or the connection. */
  readonly bytes: Readable;
  /** Resolves when the connection ends, or carries no frames any more, whether the input has ended or not. */
  readonly lost: Promise<undefined>;
}

/** Takes an input out of its frames, read from a connection as it comes. */
export function readFramedInput(connection: Readable): FramedInput {
  const parser = createFrameParser();
  const bytes = new PassThrough({ highWaterMark: kept });
  const lost = Promise.withResolvers<undefined>();
  const lose = () => {
    bytes.end();
    lost.resolve(undefined);
  };
  connection.on('data', (piece: Buffer) => {
    if (parser.hasEnded()) return;
    try {
      const full = parser.push(piece).map((part) => bytes.write(part));
      if (parser.hasEnded()) bytes.end();
      else if (full.includes(false)) hold(connection, bytes);
    } catch {
      lose();
      connection.destroy();
    }
  });
  for (const event of ['end', 'close', 'error']) connection.on(event, lose);
  return { bytes, lost: lost.promise };
}

function hold(connection: Readable, bytes: PassThrough): void {
  connection.pause();
  bytes.once('drain', () => connection.resume());
}

/** Takes as many bytes from the beginning; fewer when there are no more. */
export async function takeBytes(input: Readable, count: number): Promise<string> {
  for (;;) {
    const bytes: unknown = input.read(count);
    if (bytes instanceof Buffer) return bytes.toString('latin1');
    if (input.readableEnded || input.destroyed) return '';
    await Promise.race([once(input, 'readable'), once(input, 'end')]);
  }
}
