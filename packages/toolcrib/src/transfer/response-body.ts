import type { Readable } from 'node:stream';
import { networkFailure } from './network-failure.ts';
import { TransientFailure } from './retry.ts';

/**
 * The bytes of a body that arrive over a network. Not a generator: one that is ended before it began would leave the
 * connection open, and each step would cost a promise more.
 * @param what was asked for, for messages, e.g. `GET https://…`.
 * @returns an iterable for one iteration, which throws RemoteError `UNREACHABLE` when the connection breaks, and the
 * signal's reason.
 */
export function readBody(body: Readable, what: string, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  // A destroyed body tells so by an event, which without a listener would end the process.
  body.on('error', () => undefined);
  return {
    [Symbol.asyncIterator]() {
      const chunks: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            return await chunks.next();
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
}

function brokenBody(error: unknown, what: string): unknown {
  const failure = networkFailure(error, what);
  return failure instanceof TransientFailure ? failure.failure : failure;
}
