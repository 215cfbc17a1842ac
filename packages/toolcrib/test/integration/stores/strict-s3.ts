import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** What the server does to the next `PutObject` instead of answering it. */
export type PutFault =
  /** Stores the object and closes the connection without an answer. */
  | 'lose-answer'
  /** Closes the connection after the request, storing nothing. */
  | 'lose-request'
  /** 409 ConditionalRequestConflict, as when another conditional write is under way. */
  | 'conflict'
  /** As `conflict`, and the other write completes with these bytes. */
  | { readonly conflictWith: string }
  /** 503 SlowDown. */
  | 'slow-down'
  /** Changes a byte on the way, as a broken link would. */
  | 'corrupt'
  /** 403 with this code. */
  | { readonly refuse: string };

/** A server of the parts of the S3 API that a store uses, strict where Amazon's is (API Reference, "PutObject"). */
export interface StrictS3 extends AsyncDisposable {
  readonly url: string;
  readonly objects: ReadonlyMap<string, Buffer>;
  /** `METHOD key` in order. */
  readonly requests: readonly string[];
}

export interface StrictS3Options {
  readonly faults?: readonly PutFault[];
  /** Who may read without a signature. */
  readonly publicRead?: boolean;
  /** The access key that is known. */
  readonly accessKeyId?: string;
}

export async function startStrictS3(options: StrictS3Options = {}): Promise<StrictS3> {
  const state = { objects: new Map<string, Buffer>(), requests: [] as string[], faults: [...(options.faults ?? [])] };
  const server = createServer((request, response) => {
    const key = decodeURIComponent(new URL(request.url ?? '/', 'http://s3').pathname.split('/').slice(2).join('/'));
    state.requests.push(`${request.method ?? ''} ${key}`);
    void answer(request, response, key, { ...state, options });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    objects: state.objects,
    requests: state.requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface State {
  readonly objects: Map<string, Buffer>;
  readonly faults: PutFault[];
  readonly options: StrictS3Options;
}

async function answer(request: IncomingMessage, response: ServerResponse, key: string, state: State): Promise<void> {
  const body = await readAll(request);
  if (body === undefined) return;
  const denied = deny(request, state.options);
  if (denied !== undefined) refuse(response, 403, denied);
  else if (request.method === 'PUT') put(request, response, key, body, state);
  else if (request.method === 'HEAD' || request.method === 'GET') get(request, response, key, state);
  else refuse(response, 405, 'MethodNotAllowed');
}

/** Undefined when the connection broke: then nothing of the request counts. */
async function readAll(request: IncomingMessage): Promise<Buffer | undefined> {
  try {
    return await buffer(request);
  } catch {
    return undefined;
  }
}

function deny(
  request: IncomingMessage,
  { publicRead = false, accessKeyId = 'KEY' }: StrictS3Options,
): string | undefined {
  const { authorization } = request.headers;
  if (authorization === undefined) return publicRead && request.method === 'GET' ? undefined : 'AccessDenied';
  const key = /Credential=([^/]+)\//.exec(authorization)?.[1];
  return key === accessKeyId ? undefined : 'InvalidAccessKeyId';
}

function get(request: IncomingMessage, response: ServerResponse, key: string, { objects }: State): void {
  const object = objects.get(key);
  if (object === undefined) {
    refuse(response, 404, 'NoSuchKey');
    return;
  }
  response.writeHead(200, { 'content-length': object.length });
  response.end(request.method === 'HEAD' ? undefined : object);
}

function put(request: IncomingMessage, response: ServerResponse, key: string, sent: Buffer, state: State): void {
  const fault = state.faults.shift();
  if (fault === 'lose-request') request.socket.destroy();
  else if (fault === 'slow-down') refuse(response, 503, 'SlowDown');
  else if (fault === 'conflict') refuse(response, 409, 'ConditionalRequestConflict');
  else if (typeof fault === 'object' && 'refuse' in fault) refuse(response, 400, fault.refuse);
  else if (typeof fault === 'object') {
    state.objects.set(key, Buffer.from(fault.conflictWith));
    refuse(response, 409, 'ConditionalRequestConflict');
  } else store(request, response, key, fault === 'corrupt' ? corrupted(sent) : sent, state, fault);
}

function corrupted(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[0] = (copy[0] ?? 0) ^ 1;
  return copy;
}

function store(
  request: IncomingMessage,
  response: ServerResponse,
  key: string,
  body: Buffer,
  state: State,
  fault: PutFault | undefined,
): void {
  const wrong = checkPut(request, body);
  if (wrong !== undefined) refuse(response, ...wrong);
  else if (state.objects.has(key)) refuse(response, 412, 'PreconditionFailed');
  else {
    state.objects.set(key, body);
    if (fault === 'lose-answer') request.socket.destroy();
    else response.writeHead(200, { etag: '"x"' }).end();
  }
}

/** Everything that a write-once upload has to say, and that what it says is true. */
function checkPut({ headers }: IncomingMessage, body: Buffer): [number, string] | undefined {
  if (headers['content-length'] === undefined) return [411, 'MissingContentLength'];
  if (headers['x-amz-trailer'] !== undefined) return [501, 'NotImplemented'];
  if (/aws-chunked/.test(headers['content-encoding'] ?? '')) return [501, 'NotImplemented'];
  if (headers['if-none-match'] !== '*') return [400, 'TheTestDemandsIfNoneMatch'];
  const hash = createHash('sha256').update(body).digest();
  if (headers['x-amz-content-sha256'] !== hash.toString('hex')) return [400, 'XAmzContentSHA256Mismatch'];
  if (headers['x-amz-checksum-sha256'] !== hash.toString('base64')) return [400, 'BadDigest'];
  return undefined;
}

function refuse(response: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', connection: 'close' }).end(body);
}
