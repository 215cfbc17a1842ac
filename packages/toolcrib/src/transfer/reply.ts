import { IntegrityError } from '../core/errors.ts';
import type { Answer } from './connections.ts';
import { parseContentLength } from './content-length.ts';
import { displayUrl } from './display-url.ts';
import { tooSlow } from './pace.ts';
import { readBody, type BodyOptions } from './response-body.ts';

/** An answer, whatever its status, whose body is still to be read or discarded. */
export interface Reply {
  readonly status: number;
  /** Where it really comes from, after rewrites and redirects; carries no secret. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** In bytes as the server says it; undefined when it does not. Never believed. */
  readonly size: number | undefined;
  /** The bytes, once. Ending the iteration early frees the connection. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /**
   * The whole body instead of `bytes`.
   * @throws IntegrityError `TOO_LARGE` when it has more bytes; RemoteError `UNREACHABLE` when the connection breaks or
   * it takes too long.
   */
  whole(maxBytes: number): Promise<Buffer>;
  /** The beginning of the body instead of `bytes`, for messages: never fails, and no more than that is read. */
  beginning(maxBytes: number): Promise<string>;
  /** Frees the connection when nobody wants the body. */
  discard(): void;
}

/** Bodies up to this size are read to their end, which keeps the connection for the next request. */
const SMALL = 64 * 1024;

/**
 * @param method for messages and because a HEAD announces a body that it does not have.
 */
export function replyOf(
  { method, url, signal, pace }: Omit<BodyOptions, 'what'> & { readonly method: string; readonly url: URL },
  answer: Answer,
): Reply {
  const shown = displayUrl(url);
  const what = `${method} ${shown}`;
  const bytes = readBody(answer.body, { what, signal, pace });
  const upTo = (maxBytes: number): ReturnType<typeof readUpTo> => readUpTo(bytes, maxBytes, { what, pace });
  const size = parseContentLength(headerOf(answer, 'content-length'));
  return {
    status: answer.status,
    url: shown,
    headers: headersOf(answer),
    size,
    bytes,
    async whole(maxBytes) {
      const { read, more } = await upTo(maxBytes);
      if (more) throw tooLarge(what, maxBytes);
      return read;
    },
    async beginning(maxBytes) {
      const { read } = await upTo(maxBytes).catch(() => ({ read: Buffer.alloc(0) }));
      return read.subarray(0, maxBytes).toString('utf8');
    },
    discard() {
      answer.body.on('error', () => undefined);
      if (method === 'HEAD' || (size !== undefined && size <= SMALL)) answer.body.resume();
      else answer.body.destroy();
    },
  };
}

/**
 * Reads a body into memory, and stops soon after there is more of it than that.
 * @throws RemoteError `UNREACHABLE` when it is not there in the time of `pace.wholeMs`; what `bytes` throws.
 */
export async function readUpTo(
  bytes: AsyncIterable<Uint8Array>,
  maxBytes: number,
  { what, pace: { clock, wholeMs } }: Pick<BodyOptions, 'what' | 'pace'>,
): Promise<{ readonly read: Buffer; readonly more: boolean }> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const since = clock.elapsed();
  for await (const piece of bytes) {
    pieces.push(piece);
    size += piece.byteLength;
    if (size > maxBytes) break;
    if (clock.elapsed() - since > wholeMs) throw tooSlow(what, `it was not there after ${wholeMs / 1000} s`);
  }
  return { read: Buffer.concat(pieces), more: size > maxBytes };
}

function tooLarge(what: string, maxBytes: number): IntegrityError {
  return new IntegrityError('TOO_LARGE', `${what} answered with more than ${maxBytes} bytes`, {
    hint: 'that is not what was asked for: look at the server',
    details: { maxBytes },
  });
}

/** The first value of a header. */
export function headerOf(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

function headersOf(answer: Answer): ReadonlyMap<string, string> {
  return new Map(Object.keys(answer.headers).map((name) => [name, headerOf(answer, name) ?? '']));
}
