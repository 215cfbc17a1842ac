import type { Agent, IncomingMessage } from 'node:http';
import type { OnReadOpts, Socket } from 'node:net';
import { Readable, type Duplex } from 'node:stream';
import { parseContentLength } from './content-length.ts';

/** Bodies from this size on, in bytes, are read past the parser. Smaller ones leave their connection to the next request. */
const LARGE = 1024 * 1024;

/** So many bytes are read at once of heads and of small bodies, as Node does by itself. */
const SMALL_READ = 64 * 1024;

/** So many of a large body: few calls, and still in the processor's cache when they are used. */
const LARGE_READ = 256 * 1024;

const readsOf = new WeakMap<Duplex, SocketReads>();

/**
 * Has an agent make connections from which {@link largeBodyOf} can take bodies. Plain ones only: TLS hands out several records
 * at once and does not rest in between, so that what is lent would be written over, and ends before what it holds was read.
 */
export function preparedForLargeBodies<A extends Agent>(agent: A): A {
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => {
    const reads = new SocketReads();
    const withReads: typeof options & { onread: OnReadOpts } = { ...options, onread: reads.onread };
    const socket = connect(withReads, callback);
    if (socket) reads.feed(socket);
    return socket;
  };
  return agent;
}

/**
 * The body of an answer. A large one of a known length is read from the socket itself: Node's parser would copy each of its
 * bytes, into memory that has to be collected again, which takes longer than to hash them.
 * @param method of the request.
 */
export function largeBodyOf(answer: IncomingMessage, method: string): Readable {
  const reads = readsOf.get(answer.socket);
  const length = plainLength(answer);
  if (method !== 'GET' || reads === undefined || length === undefined || length < LARGE) return answer;
  return new LargeBody(answer, reads, length);
}

/** Whether what is read of a body is valid only until more is read. */
export function isLent(body: Readable): boolean {
  return body instanceof LargeBody;
}

/** In bytes; undefined where only the parser can tell the end, or whether there is a body at all. */
function plainLength({ headers, statusCode = 0 }: IncomingMessage): number | undefined {
  if (![200, 206].includes(statusCode) || headers['transfer-encoding'] !== undefined) return undefined;
  return parseContentLength(headers['content-length']);
}

/** Where the bytes go that a socket reads: to the parser, which listens to its data, until a body is taken from it. */
class SocketReads {
  readonly onread: OnReadOpts = {
    buffer: () => this.#nextBuffer(),
    callback: (length, buffer) => this.#came(buffer.subarray(0, length)),
  };
  #socket: Duplex | undefined;
  #take: ((bytes: Uint8Array) => 'lent' | 'copied') | undefined;
  /** Read into, unless it is used: then it is the other one's turn. */
  #buffer: Uint8Array | undefined;
  #other: Uint8Array | undefined;

  feed(socket: Duplex): void {
    this.#socket = socket;
    readsOf.set(socket, this);
  }

  /** From the next bytes on. After each of them the socket rests until it is resumed. */
  divert(take: (bytes: Uint8Array) => 'lent' | 'copied'): void {
    this.#take = take;
    this.#buffer = Buffer.allocUnsafeSlow(LARGE_READ);
    this.#other = Buffer.allocUnsafeSlow(LARGE_READ);
  }

  #nextBuffer(): Uint8Array {
    return this.#buffer ?? Buffer.allocUnsafeSlow(SMALL_READ);
  }

  /** @returns whether to go on reading: not when whoever saw the head in these bytes took the body. */
  #came(bytes: Uint8Array): boolean {
    if (this.#take === undefined) this.#socket?.emit('data', bytes);
    else if (this.#take(bytes) === 'lent') [this.#buffer, this.#other] = [this.#other, this.#buffer];
    return this.#take === undefined;
  }
}

/** Holds one piece at a time: it is read when the one before it is used up. Its connection ends with it. */
class LargeBody extends Readable {
  readonly #answer: IncomingMessage;
  readonly #socket: Socket;
  #left: number;
  #isAskedFor = false;

  constructor(answer: IncomingMessage, reads: SocketReads, length: number) {
    super({ highWaterMark: 1 });
    this.#answer = answer;
    this.#socket = answer.socket;
    this.#left = length;
    // What came together with the head is with the parser already.
    answer.on('data', (bytes: Uint8Array) => this.#hand(bytes));
    answer.on('error', (error) => this.#fail(error));
    answer.once('close', () => this.#fail(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })));
    reads.divert((bytes) => this.#take(bytes));
  }

  override _read(): void {
    this.#isAskedFor = true;
    this.#socket.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#answer.destroy();
    this.#socket.destroy();
    callback(error);
  }

  /** What comes without being asked for is copied, because the piece before it may still be used. */
  #take(bytes: Uint8Array): 'lent' | 'copied' {
    const isAskedFor = this.#isAskedFor;
    this.#isAskedFor = false;
    this.#hand(isAskedFor ? bytes : new Uint8Array(bytes));
    return isAskedFor ? 'lent' : 'copied';
  }

  #hand(bytes: Uint8Array): void {
    if (this.#left === 0) return;
    const piece = bytes.subarray(0, this.#left);
    this.#left -= piece.byteLength;
    this.push(piece);
    if (this.#left === 0) this.push(null);
  }

  /** What came as a whole is still handed out. */
  #fail(error: Error): void {
    if (this.#left > 0) this.destroy(error);
  }
}
