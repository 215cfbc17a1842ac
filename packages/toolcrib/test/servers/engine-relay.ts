import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { promisify } from 'node:util';

const SOCKET = '/var/run/docker.sock';

/** An engine behind a port. */
export interface EngineRelay extends AsyncDisposable {
  readonly port: number;
  /** The variable by which a client finds it. */
  readonly env: { readonly DOCKER_HOST: string };
}

/** Forwards a TCP port to the engine's socket: for its clients, an engine of another machine. */
export async function relayEngine(
  listen: (onConnection: (socket: Socket) => void) => ReturnType<typeof createServer> = plainly,
): Promise<EngineRelay> {
  const open = new Set<Socket>();
  const server = listen((socket) => {
    const engine = connect({ path: SOCKET, allowHalfOpen: true });
    for (const one of [socket, engine]) one.on('error', () => undefined);
    // The engine locks a container for as long as somebody may read its files.
    socket.on('close', () => engine.destroy());
    socket.pipe(engine);
    engine.pipe(socket);
  });
  // Also those whose handshake fails.
  server.on('connection', (socket: Socket) => open.add(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    env: { DOCKER_HOST: `tcp://127.0.0.1:${port}` },
    [Symbol.asyncDispose]: async () => {
      for (const one of open) one.destroy();
      await promisify(server.close.bind(server))();
    },
  };
}

function plainly(onConnection: (socket: Socket) => void): ReturnType<typeof createServer> {
  return createServer({ allowHalfOpen: true }, onConnection);
}
