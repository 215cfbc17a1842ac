import { lending, lentPieces } from '../core/lent-pieces.ts';
import { messageOf, hasCode, RemoteError } from '../core/errors.ts';
import { parseContentRange } from './content-range.ts';
import { mayPass, passingFailure } from './passing-status.ts';
import type { Reply } from './reply.ts';
import { backoffMs, retry, RETRY_POLICY, type RetryContext } from './retry.ts';
import { isSameFile, validatorOf, type Validator } from './validator.ts';

/** What the rest of a file is asked for with. */
export interface RestHeaders {
  readonly range: string;
  readonly 'if-range': string;
}

/** What of an answer it takes to go on with it. */
export type ContinuableReply = Pick<Reply, 'status' | 'url' | 'size' | 'headers' | 'bytes' | 'discard'>;

/**
 * Makes the request of the first answer once more, from its original URL, with these headers besides.
 * @throws TransientFailure where another attempt may help.
 */
export type AskForRest = (headers: RestHeaders) => Promise<ContinuableReply>;

/** So many bytes in one piece, and a connection that breaks has shown that going on is worth it: the count begins anew. */
const PROGRESS_BYTES = 1024 * 1024;

interface Opened extends Pick<Reply, 'url' | 'headers' | 'bytes'> {
  readonly size: number;
  readonly validator: Validator;
}

/**
 * The bytes of a file, continued with `Range` and `If-Range` where the connection breaks: for an answer of 200 that told
 * its length and what to recognise the file by; any other is read as it is. A file that changed meanwhile, or a server
 * that begins anew, ends them: what was handed out cannot be taken back. Whoever reads compares the digest of all of
 * them, from the first, and is the only one to know whether they fit together.
 * @param context attempts in a row that bring nothing, and the waits between them and before each continuation; only the
 * first break is told.
 * @returns an iterable for one iteration, which throws RemoteError `UNREACHABLE`, whatever `askForRest` throws, and the
 * signal's reason. Not a generator, for the reason that `response-body.ts` tells.
 */
export function resumeBytes(
  reply: ContinuableReply,
  askForRest: AskForRest,
  context: RetryContext,
): AsyncIterable<Uint8Array> {
  const { size, headers, url, bytes } = reply;
  const validator = reply.status === 200 ? validatorOf(headers) : undefined;
  if (validator === undefined || size === undefined) return bytes;
  const opened = { url, headers, bytes: lentPieces(bytes), size, validator };
  const pieces = { [Symbol.asyncIterator]: () => new ResumedBytes(opened, askForRest, context) };
  return lending(pieces);
}

class ResumedBytes implements AsyncIterator<Uint8Array> {
  readonly #opened: Opened;
  readonly #askForRest: AskForRest;
  readonly #context: RetryContext;
  #pieces: AsyncIterator<Uint8Array>;
  #came = 0;
  #cameBefore = 0;
  #breaks = 0;
  #told = false;

  constructor(opened: Opened, askForRest: AskForRest, context: RetryContext) {
    this.#opened = opened;
    this.#askForRest = askForRest;
    this.#context = context;
    this.#pieces = opened.bytes[Symbol.asyncIterator]();
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      try {
        return await this.#read();
      } catch (error) {
        if (!hasCode(error, 'UNREACHABLE')) throw error;
        this.#pieces = await this.#continueAfter(error);
      }
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    return (await this.#pieces.return?.()) ?? { done: true, value: undefined };
  }

  async #read(): Promise<IteratorResult<Uint8Array>> {
    const { size, url } = this.#opened;
    const next = await this.#pieces.next();
    if (next.done !== true) this.#came += next.value.byteLength;
    if (next.done === true ? this.#came === size : this.#came <= size) return next;
    await this.return();
    throw broken(`GET ${url} failed: ${this.#came} bytes came where ${size} were announced`);
  }

  async #continueAfter(error: Error): Promise<AsyncIterator<Uint8Array>> {
    const { retry: policy = RETRY_POLICY, clock, random, signal } = this.#context;
    this.#breaks = this.#came - this.#cameBefore >= PROGRESS_BYTES ? 1 : this.#breaks + 1;
    this.#cameBefore = this.#came;
    // An answer without a byte is not worth more than any other request; one that is too long never fits.
    if (this.#breaks >= policy.attempts || this.#came > this.#opened.size) throw error;
    this.#tell(error);
    // A server that breaks every connection is not asked without a pause, however much each of them brings.
    await clock.sleep(backoffMs(this.#breaks, policy, random), signal);
    const rest = await retry(() => this.#askOnce(error), this.#context);
    return lentPieces(rest.bytes)[Symbol.asyncIterator]();
  }

  /** Once for a file: a server may break off a thousand times. */
  #tell(error: Error): void {
    if (this.#told) return;
    this.#told = true;
    const text = `${messageOf(error)}; it goes on from byte ${this.#came} of ${this.#opened.size}`;
    this.#context.reporter?.notice({ kind: 'step', text });
  }

  async #askOnce(cause: Error): Promise<ContinuableReply> {
    const { validator } = this.#opened;
    const reply = await this.#askForRest({ range: `bytes=${this.#came}-`, 'if-range': validator.value });
    const wrong = whyNotTheRest(reply, this.#opened, this.#came);
    if (wrong === undefined) return reply;
    reply.discard();
    if (mayPass(reply.status)) throw passingFailure('GET', reply, this.#context.clock);
    throw broken(`${messageOf(cause)}; it cannot go on from byte ${this.#came}: ${reply.url} ${wrong}`, cause);
  }
}

function whyNotTheRest(reply: ContinuableReply, { size, validator }: Opened, from: number): string | undefined {
  if (reply.status === 200) return 'begins anew, or has another file now';
  if (reply.status !== 206) return `answered ${reply.status}`;
  const range = parseContentRange(reply.headers.get('content-range'));
  const fits = range?.first === from && range.last === size - 1 && range.total === size;
  if (!fits) return `answered with another range than the bytes ${from} to ${size - 1} of ${size}`;
  return isSameFile(validator, reply.headers) ? undefined : 'has another file now';
}

function broken(what: string, cause?: Error): RemoteError {
  return new RemoteError('UNREACHABLE', what, {
    hint: 'try again: the download then begins anew',
    details: { network: 'BROKEN_BODY' },
    ...(cause !== undefined && { cause }),
  });
}
