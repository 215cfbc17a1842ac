import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** What a server was asked, in order. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

/** A server on 127.0.0.1, ended with all its connections at the end of its `await using` scope. */
export interface HttpServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** How often a path was asked for, by any method. */
  count(path: string): number;
}

/** What a faulty server does with one request. */
export type Fault =
  /** Announces the whole length, sends only `bytes`, and closes. */
  | { readonly kind: 'truncate'; readonly bytes: number }
  /** Resets the connection, after `bytes` of the body when given, else before any answer. */
  | { readonly kind: 'reset'; readonly bytes?: number }
  /** Sends `bytes` of the body (default none) and then nothing more, keeping the connection. */
  | { readonly kind: 'stall'; readonly bytes?: number }
  /** Answers a status without the file, e.g. 503, with these headers, e.g. `retry-after`. */
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Answers 200 with other bytes of the same length. */
  | { readonly kind: 'wrong-bytes' }
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: 301 | 302 | 303 | 307 | 308 };

/** The faults of a path in order: one for each request; when they are used up the file is served. */
export type Faults = Readonly<Record<string, readonly Fault[]>>;

/** Path, with its leading slash, to content. */
export type Files = Readonly<Record<string, Uint8Array | string>>;

type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => void;

async function listen(handler: Handler): Promise<HttpServer> {
  const requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://server').pathname;
    requests.push({ method: request.method ?? '', path, headers: request.headers });
    request.resume();
    handler(request, response, path);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    count: (path) => requests.filter((request) => request.path === path).length,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** `bytes=FIRST-LAST` or `bytes=FIRST-` of a request, as a half-open range; `undefined` for anything else. */
function parseRange(header: string | undefined, size: number): { start: number; end: number } | undefined {
  const match = /^bytes=(\d+)-(\d*)$/.exec(header ?? '');
  if (match === null) return undefined;
  const end = match[2] ? Math.min(Number(match[2]) + 1, size) : size;
  return { start: Number(match[1]), end };
}

function serve(content: Buffer | undefined, request: IncomingMessage, response: ServerResponse): void {
  if (content === undefined) {
    response.writeHead(404).end();
    return;
  }
  const range = parseRange(request.headers.range, content.length);
  if (range !== undefined && range.start >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: content.length };
  response.writeHead(range ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': end - start,
    'accept-ranges': 'bytes',
    ...(range && { 'content-range': `bytes ${start}-${end - 1}/${content.length}` }),
  });
  response.end(request.method === 'HEAD' ? undefined : content.subarray(start, end));
}

/** Announces the whole content and sends the beginning of it; resolves when that has left the process. */
function sendBeginning(content: Buffer, bytes: number, response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-length': content.length });
  response.flushHeaders();
  return new Promise((resolve) => {
    response.write(content.subarray(0, bytes), () => {
      resolve();
    });
  });
}

async function commit(
  fault: Fault,
  content: Buffer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  switch (fault.kind) {
    case 'truncate':
      await sendBeginning(content, fault.bytes, response);
      response.socket?.end();
      return;
    case 'reset':
      if (fault.bytes !== undefined) await sendBeginning(content, fault.bytes, response);
      response.socket?.resetAndDestroy();
      return;
    case 'stall':
      if (fault.bytes !== undefined) await sendBeginning(content, fault.bytes, response);
      return;
    case 'status':
      response.writeHead(fault.status, fault.headers).end();
      return;
    case 'wrong-bytes':
      serve(Buffer.from(content.map((byte) => byte ^ 0xff)), request, response);
      return;
    case 'redirect':
      response.writeHead(fault.status ?? 302, { location: fault.location }).end();
  }
}

const toBuffers = (files: Files): ReadonlyMap<string, Buffer> =>
  new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)]));

/** Serves files for GET and HEAD, with single ranges; anything else is 404. */
export function startFileServer(files: Files): Promise<HttpServer> {
  const contents = toBuffers(files);
  return listen((request, response, path) => {
    serve(contents.get(path), request, response);
  });
}

/** Serves files like {@link startFileServer}, but first commits the faults of a path, one for each request. */
export function startFaultyServer(files: Files, faults: Faults): Promise<HttpServer> {
  const contents = toBuffers(files);
  const pending = new Map(Object.entries(faults).map(([path, list]) => [path, [...list]]));
  return listen((request, response, path) => {
    const fault = pending.get(path)?.shift();
    if (fault === undefined) serve(contents.get(path), request, response);
    else void commit(fault, contents.get(path) ?? Buffer.alloc(0), request, response);
  });
}
