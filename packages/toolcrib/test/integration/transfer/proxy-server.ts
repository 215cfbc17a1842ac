import { createServer, request as forward, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import { pipeline, type Duplex } from 'node:stream';

/** Listens on a free port of 127.0.0.1 until the end of the `await using` scope. */
export async function listen(server: Server): Promise<AsyncDisposable & { readonly url: string }> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A proxy that remembers what it was asked for. */
export async function startProxy(): Promise<
  AsyncDisposable & { readonly url: string; readonly asked: readonly string[] }
> {
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    const { method = '', url = '' } = request;
    // It is the proxy that these are for.
    const { 'proxy-authorization': _, ...headers } = request.headers;
    asked.push(`${method} ${url}`);
    const forwarded = forward(url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      pipeline(answer, response, () => undefined);
    });
    pipeline(request, forwarded, () => undefined);
    forwarded.on('error', () => response.destroy());
    response.once('close', () => forwarded.destroy());
  });
  proxy.on('connect', (request: IncomingMessage, client: Duplex) => {
    asked.push(`CONNECT ${request.url ?? ''}`);
    const { hostname, port } = new URL(`http://${request.url ?? ''}`);
    const target = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      target.pipe(client).pipe(target);
    });
    client.on('error', () => target.destroy());
    target.on('error', () => client.destroy());
  });
  return { asked, ...(await listen(proxy)) };
}
