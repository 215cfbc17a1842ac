import { createHash } from 'node:crypto';
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
  /** Announces the whole length, sends only `bytes` of what was asked for, and closes. */
  | { readonly kind: 'truncate'; readonly bytes: number }
  /** Resets the connection, after `bytes` of the body when given, else before any answer. */
  | { readonly kind: 'reset'; readonly bytes?: number }
  /** Sends `bytes` of the body (default none) and then nothing more, keeping the connection. */
  | { readonly kind: 'stall'; readonly bytes?: number }
  /** Answers with a file of that length, cut off or padded, and announces that. */
  | { readonly kind: 'resize'; readonly bytes: number }
  /** Answers a status without the file, e.g. 503, with these headers, e.g. `retry-after`, and this body. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
    }
  /** Answers 200 with other bytes of the same length. */
  | { readonly kind: 'wrong-bytes' }
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: 301 | 302 | 303 | 307 | 308 };

/** The faults of a path in order: one for each request; when they are used up the file is served. */
export type Faults = Readonly<Record<string, readonly Fault[]>>;

/** Path, with its leading slash, to content. */
export type Files = Readonly<Record<string, Uint8Array | string>>;

/** How files are served. */
export interface FileOptions {
  /** True: with a strong `ETag`, and `If-Range` is heeded. Default: without. */
  readonly tags?: boolean;
}

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

/** What is asked of a server: a file, if it is there. */
interface Asked {
  readonly content: Buffer | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly options: FileOptions;
}

/** Writes the head of an answer, and tells the body that belongs to it. */
function beginAnswer({ content, request, response, options }: Asked): Buffer {
  const none = Buffer.alloc(0);
  if (content === undefined) {
    response.writeHead(404);
    return none;
  }
  const tag = options.tags === true ? tagOf(content) : undefined;
  const isOther = request.headers['if-range'] !== undefined && request.headers['if-range'] !== tag;
  const range = isOther ? undefined : parseRange(request.headers.range, content.length);
  if (range !== undefined && range.start >= content.length) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` });
    return none;
  }
  const { start, end } = range ?? { start: 0, end: content.length };
  response.writeHead(range ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': end - start,
    'accept-ranges': 'bytes',
    ...(tag !== undefined && { etag: tag }),
    ...(range && { 'content-range': `bytes ${start}-${end - 1}/${content.length}` }),
  });
  return content.subarray(start, end);
}

/** The strong `ETag` of a file that is served with {@link FileOptions.tags}. */
export function tagOf(content: Uint8Array): string {
  return `"${createHash('sha256').update(content).digest('hex')}"`;
}

function serve(asked: Asked): void {
  const body = beginAnswer(asked);
  asked.response.end(asked.request.method === 'HEAD' ? undefined : body);
}

/** Announces all of what was asked for and sends the beginning of it; resolves when that has left the process. */
function sendBeginning(asked: Asked, bytes: number): Promise<void> {
  const body = beginAnswer(asked);
  asked.response.flushHeaders();
  return new Promise((resolve) => {
    asked.response.write(body.subarray(0, bytes), () => {
      resolve();
    });
  });
}

async function commit(fault: Fault, asked: Asked & { readonly content: Buffer }): Promise<void> {
  const { content, response } = asked;
  switch (fault.kind) {
    case 'truncate':
      await sendBeginning(asked, fault.bytes);
      response.socket?.end();
      return;
    case 'reset':
      if (fault.bytes !== undefined) await sendBeginning(asked, fault.bytes);
      response.socket?.resetAndDestroy();
      return;
    case 'stall':
      if (fault.bytes !== undefined) await sendBeginning(asked, fault.bytes);
      return;
    case 'status':
      response.writeHead(fault.status, fault.headers).end(fault.body);
      return;
    case 'resize':
      serve({ ...asked, content: Buffer.concat([content, Buffer.alloc(fault.bytes)]).subarray(0, fault.bytes) });
      return;
    case 'wrong-bytes':
      serve({ ...asked, content: Buffer.from(content.map((byte) => byte ^ 0xff)) });
      return;
    case 'redirect':
      response.writeHead(fault.status ?? 302, { location: fault.location }).end();
  }
}

const toBuffers = (files: Files): ReadonlyMap<string, Buffer> =>
  new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)]));

/** Serves files for GET and HEAD, with single ranges; anything else is 404. */
export function startFileServer(files: Files, options: FileOptions = {}): Promise<HttpServer> {
  return startFaultyServer(files, {}, options);
}

/** Serves files like {@link startFileServer}, but first commits the faults of a path, one for each request. */
export function startFaultyServer(files: Files, faults: Faults, options: FileOptions = {}): Promise<HttpServer> {
  const contents = toBuffers(files);
  const pending = new Map(Object.entries(faults).map(([path, list]) => [path, [...list]]));
  return listen((request, response, path) => {
    const fault = pending.get(path)?.shift();
    const content = contents.get(path);
    if (fault === undefined) serve({ content, request, response, options });
    else void commit(fault, { content: content ?? Buffer.alloc(0), request, response, options });
  });
}
