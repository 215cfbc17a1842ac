import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** A server that speaks for itself, byte by byte, ended with all its connections at the end of its `await using` scope. */
export interface RawServer extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  /** How many connections were made to it. */
  readonly connections: () => number;
}

/**
 * Listens on a free port of 127.0.0.1.
 * @param answer is called once a connection has said something. What a client says further is not read.
 */
export async function startRawServer(answer: (socket: Socket) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.pause();
      answer(socket);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return {
    host: `127.0.0.1:${address.port}`,
    connections: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}
