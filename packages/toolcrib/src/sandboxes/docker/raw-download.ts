import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { PATIENCE, silence, type ConnectionOptions, type ReachableEndpoint } from './engine-connection.ts';

/** In bytes; an engine's headers are some hundred. */
const MAX_HEAD = 64 * 1024;
const END_OF_HEAD = '\r\n\r\n';

/**
 * Gets a large body over a connection of its own, as HTTP/1.0: without chunks in between, which in node:http cost five
 * times the CPU of everything else on this way. The end of the body is the end of the connection, so that whoever reads
 * must know by the content whether it is whole, as a tar does. A piece is the reader's until the next one is asked for.
 * @returns undefined unless the engine answered 200: ask again over HTTP/1.1 for its words.
 * @throws errors of the operating system.
 */
export async function rawDownload(
  endpoint: ReachableEndpoint,
  path: string,
  { signal, patience = PATIENCE }: ConnectionOptions,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  signal?.throwIfAborted();
  const socket = await connect(endpoint);
  const onAbort = () => socket.destroy(signal?.reason instanceof Error ? signal.reason : undefined);
  signal?.addEventListener('abort', onAbort, { once: true });
  socket.once('close', () => signal?.removeEventListener('abort', onAbort));
  socket.write(`GET ${path} HTTP/1.0\r\nHost: docker\r\n\r\n`);
  const pieces = impatient(socket, patience);
  const first = await readHead(pieces);
  if (first !== undefined) return body(first, pieces, socket);
  socket.destroy();
  return undefined;
}

/** Ends the connection when a piece that is waited for does not come. A slow reader is not waited for. */
function impatient(socket: Socket, patience: number): AsyncIterator<Buffer> {
  const pieces = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  return {
    next: async () => {
      const deadline = setTimeout(() => socket.destroy(silence(patience)), patience);
      try {
        return await pieces.next();
      } finally {
        clearTimeout(deadline);
      }
    },
  };
}

async function connect(endpoint: ReachableEndpoint): Promise<Socket> {
  if (endpoint.kind === 'unix') return connectPlain({ path: endpoint.socketPath });
  const { host, port, tls } = endpoint;
  if (tls === undefined) return connectPlain({ host, port });
  const { connect: connectTls } = await import('node:tls');
  const { ca, cert, key, verify } = tls;
  // A name is sent for the choice of a certificate; addresses are none (RFC 6066, 3).
  const servername = isIP(host) === 0 ? host : '';
  return connectTls({ host, port, ca, cert, key, rejectUnauthorized: verify, servername });
}

/** What of the body came with the head; undefined unless the status is 200. */
async function readHead(pieces: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  let head = Buffer.alloc(0);
  for (;;) {
    const end = head.indexOf(END_OF_HEAD);
    if (end >= 0) return isPlainSuccess(head.toString('latin1', 0, end)) ? head.subarray(end + 4) : undefined;
    // The first piece may be as long as that already, with much of the body.
    if (head.byteLength >= MAX_HEAD) return undefined;
    const next = await pieces.next();
    if (next.done === true) return undefined;
    head = Buffer.concat([head, next.value]);
  }
}

/** A proxy in between may answer in chunks all the same; then HTTP/1.1 it is. */
function isPlainSuccess(head: string): boolean {
  return /^HTTP\/1\.[01] 200[ \r]/.test(head) && !/\r\ntransfer-encoding:/i.test(head);
}

async function* body(first: Buffer, pieces: AsyncIterator<Buffer>, socket: Socket): AsyncGenerator<Uint8Array> {
  try {
    if (first.byteLength > 0) yield first;
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) {
      yield next.value;
      release(next.value);
    }
  } finally {
    socket.destroy();
  }
}

/**
 * Gives the memory of a piece back. Each has memory of its own, and without this a tree that is read back costs as much time
 * in the garbage collector, which is called whenever so many megabytes have come, as it takes to hash it.
 */
function release({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
