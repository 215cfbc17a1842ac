import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';

/** A request as the proxy counts it. */
export interface ProxiedRequest {
  /** From 1 on. */
  readonly number: number;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Of its body, in bytes. */
  readonly size: number;
}

/** What the server answered. */
export interface ProxiedAnswer {
  readonly status: number;
  /** Names and values in turn, without those that frame the body. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** When in the life of a request something goes wrong. */
export type Moment =
  /** The server never hears of it. */
  | 'before-request'
  /** The server gets half of its body, and then nobody speaks to it any more. */
  | 'mid-request'
  /** The server did everything; nobody hears of it. */
  | 'before-answer';

/** What goes wrong: the connection is cut, after whatever `first` does (kills a process, say); or an answer is made up. */
export interface ProxyFault {
  readonly moment: Moment;
  readonly first?: () => Promise<void>;
  /** Instead of cutting the connection, e.g. 503. */
  readonly status?: number;
  /** Instead of both. @param answer of the server, for `before-answer`. */
  readonly write?: (response: ServerResponse, answer: ProxiedAnswer | undefined) => void;
}

/** Stands before a server, ended with all its connections at the end of its `await using` scope. */
export interface FaultProxy extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** All that came, in order. */
  readonly requests: readonly ProxiedRequest[];
}

/**
 * Forwards every request to a server as it came, its `Host` too, so that signatures hold, and lets some go wrong.
 * @param target `http://HOST:PORT`.
 * @param faultOf is asked about each request when its body is there.
 */
export async function startFaultProxy(
  target: string,
  faultOf: (request: ProxiedRequest) => ProxyFault | undefined = () => undefined,
): Promise<FaultProxy> {
  const requests: ProxiedRequest[] = [];
  const server = createServer((incoming, response) => {
    void proxyOne(incoming, response).catch(() => incoming.socket.destroy());
  });
  const proxyOne = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (incoming.headers.expect === '100-continue') response.writeContinue();
    const body = await wholeOf(incoming);
    const { method = '', url: path = '', headers } = incoming;
    const seen = { number: requests.length + 1, method, path, headers, size: body.byteLength };
    requests.push(seen);
    await exchange({ target, incoming, response, body }, faultOf(seen));
  };
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no TCP port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Exchange {
  readonly target: string;
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
}

async function exchange({ target, incoming, response, body }: Exchange, fault: ProxyFault | undefined): Promise<void> {
  const break_ = async (whole?: ProxiedAnswer): Promise<void> => {
    await fault?.first?.();
    if (fault?.write !== undefined) fault.write(response, whole);
    else if (fault?.status === undefined) incoming.socket.destroy();
    else response.writeHead(fault.status, { 'content-length': 0 }).end();
  };
  if (fault?.moment === 'before-request') {
    await break_();
    return;
  }
  if (fault?.moment === 'mid-request') {
    await sendHalf(target, incoming, body);
    await break_();
    return;
  }
  const answer = await send(target, incoming, body);
  const content = await wholeOf(answer);
  const { statusCode: status = 502, rawHeaders } = answer;
  const headers = withoutFraming(rawHeaders);
  if (fault?.moment === 'before-answer') {
    await break_({ status, headers, body: content });
    return;
  }
  // The body comes whole, so it is framed anew; a length that was announced without a body, as for HEAD, stays.
  const size = answer.headers['content-length'] ?? String(content.byteLength);
  response.writeHead(status, [...headers, 'content-length', size]).end(content);
}

function withoutFraming(raw: readonly string[]): string[] {
  const headers: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? '';
    if (['content-length', 'transfer-encoding', 'connection', 'keep-alive'].includes(name.toLowerCase())) continue;
    headers.push(name, raw[at + 1] ?? '');
  }
  return headers;
}

async function wholeOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

function open(target: string, { method, url, rawHeaders }: IncomingMessage): ReturnType<typeof forward> {
  const { hostname, port } = new URL(target);
  const headers: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (['connection', 'expect', 'keep-alive'].includes(name.toLowerCase())) continue;
    headers.push(name, rawHeaders[at + 1] ?? '');
  }
  return forward({ hostname, port, method, path: url, headers: [...headers, 'connection', 'close'] });
}

function send(target: string, incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    open(target, incoming).on('response', resolve).on('error', reject).end(body);
  });
}

/** Resolves when half of it has left and the connection is gone. */
function sendHalf(target: string, incoming: IncomingMessage, body: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const outgoing = open(target, incoming);
    outgoing.on('error', () => undefined).on('close', resolve);
    outgoing.write(body.subarray(0, Math.floor(body.byteLength / 2)), () => outgoing.destroy());
  });
}
