import type { Readable } from 'node:stream';
import { lending } from '../core/lent-pieces.ts';
import { isLent } from './large-body.ts';
import { networkFailure } from './network-failure.ts';
import { watchPace, type Pace } from './pace.ts';
import { TransientFailure } from './retry.ts';

/** How a body is read. */
export interface BodyOptions {
  /** What was asked for, for messages, e.g. `GET https://…`. */
  readonly what: string;
  readonly signal: AbortSignal | undefined;
  readonly pace: Pace;
}

/**
 * The bytes of a body that arrive over a network. Not a generator: one that is ended before it began would leave the
 * connection open, and each step would cost a promise more.
 * @returns an iterable for one iteration, which throws RemoteError `UNREACHABLE` when the connection breaks or the bytes
 * come too slowly, and the signal's reason.
 */
export function readBody(body: Readable, { what, signal, pace }: BodyOptions): AsyncIterable<Uint8Array> {
  // A destroyed body tells so by an event, which without a listener would end the process.
  body.on('error', () => undefined);
  const pieces: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]() {
      const chunks: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]();
      const watch = watchPace(pace, what);
      return {
        async next() {
          try {
            const since = pace.clock.elapsed();
            const next = await chunks.next();
            if (next.done !== true) watch(next.value.byteLength, pace.clock.elapsed() - since);
            return next;
          } catch (error) {
            body.destroy();
            signal?.throwIfAborted();
            throw brokenBody(error, what);
          }
        },
        return() {
          body.destroy();
          return Promise.resolve({ done: true, value: undefined });
        },
      };
    },
  };
  return isLent(body) ? lending(pieces) : pieces;
}

function brokenBody(error: unknown, what: string): unknown {
  const failure = networkFailure(error, what);
  return failure instanceof TransientFailure ? failure.failure : failure;
}
