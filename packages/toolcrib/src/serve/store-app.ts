import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../core/clock.ts';
import { messageOf, ToolcribError } from '../core/errors.ts';
import { uploadTime, type UploadLimits } from './publish-door.ts';
import { waitsForLeave } from './receive-upload.ts';
import { Refusal } from './refusal.ts';
import { loggedPath, type ServeEvent } from './serve-event.ts';

/** How patient the server is, in milliseconds. */
export interface Patience {
  /** Until the headers of a request have come. */
  readonly headersMs: number;
  /** Without a byte in either direction. */
  readonly stallMs: number;
  /** For the body of a request that was answered already. */
  readonly lingerMs: number;
  /** For transfers that run when the server is told to stop. */
  readonly stopMs: number;
}

/** What the server needs besides what it serves. */
export interface AppOptions {
  readonly limits: UploadLimits;
  readonly patience: Patience;
  readonly onEvent: (event: ServeEvent) => void;
  readonly clock: Clock;
}

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_CONNECTIONS = 1000;
/** Connections that wait for a further request are kept so long, in milliseconds. */
const KEEP_ALIVE_MS = 5_000;
/** Longer than any name of a file. */
const MAX_NAME = 250;

/** A server without routes: what holds for every request, whatever it is for. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { fastify } = await import('./fastify.ts');
  const { patience, limits } = options;
  const app = fastify({
    exposeHeadRoutes: false,
    connectionTimeout: patience.stallMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // An upload has its own deadline, which is tighter.
    requestTimeout: 2 * Math.ceil(uploadTime(limits.maxFileBytes, limits)),
    routerOptions: { maxParamLength: MAX_NAME },
    frameworkErrors: (_, request, reply) => {
      tellOfRequest(request, reply, options);
      void answerRefusal(reply, notUnderstood(400));
    },
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: patience.headersMs,
      connectionsCheckingInterval: Math.ceil(patience.headersMs / 4),
    },
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  // Node would give leave to send a body before anybody looked at the headers.
  app.server.on('checkContinue', (request, response) => app.routing(request, response));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.addHook('onRequest', (request, reply, done) => {
    tellOfRequest(request, reply, options);
    void reply.headers({ 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'none'" });
    done();
  });
  endOrphanedBodies(app, patience);
  answerFailures(app, options);
  return app;
}

/** One event for each request, when its connection is done with it. */
function tellOfRequest(request: FastifyRequest, reply: FastifyReply, { clock, onEvent }: AppOptions): void {
  const [time, start] = [new Date(clock.now()).toISOString(), clock.elapsed()];
  const { raw } = reply;
  raw.once('close', () =>
    onEvent({
      event: 'request',
      time,
      from: request.ip,
      method: request.method,
      path: loggedPath(request.url),
      status: raw.statusCode,
      bytes: raw.writableFinished ? sentBytes(request, reply) : null,
      ms: Math.round(clock.elapsed() - start),
    }),
  );
}

function sentBytes(request: FastifyRequest, reply: FastifyReply): number {
  const hasBody = request.method !== 'HEAD' && reply.statusCode !== 304;
  return hasBody ? Number(reply.getHeader('content-length') ?? 0) : 0;
}

/**
 * Requests whose body nobody reads: only PUT has one, and a refused one is answered before it came. The rest of it is read
 * for a moment, so that the client gets to see the answer; then the connection ends.
 */
function endOrphanedBodies(app: FastifyInstance, { lingerMs }: Patience): void {
  app.addHook('onRequest', (request, _, done) => {
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
    const hasBody = length !== '0' || coding !== undefined;
    done(hasBody && request.method !== 'PUT' ? new Refusal(400, 'a request of this kind has no body') : undefined);
  });
  app.addHook('onResponse', (request, _, done) => {
    if (!request.raw.complete) {
      const timer = setTimeout(() => request.raw.destroy(), lingerMs);
      request.raw.once('close', () => clearTimeout(timer));
    }
    // Node closes what is idle when it stops to listen, and not what becomes idle later.
    if (!app.server.listening) setImmediate(() => app.server.closeIdleConnections());
    done();
  });
}

function answerFailures(app: FastifyInstance, { clock, onEvent }: AppOptions): void {
  app.setNotFoundHandler(() => {
    throw new Refusal(404, 'there is nothing here');
  });
  app.route({
    method: ['POST', 'PATCH', 'DELETE', 'OPTIONS'],
    url: '/*',
    handler: () => {
      throw new Refusal(405, 'files are read and created, never changed or removed', { allow: 'GET, HEAD, PUT' });
    },
  });
  app.setErrorHandler(async (error, request, reply) => {
    const refusal = error instanceof Refusal ? error : protocolRefusal(error);
    if (refusal === undefined && !request.raw.destroyed) {
      onEvent({ event: 'failure', time: new Date(clock.now()).toISOString(), message: described(error) });
    }
    // Who still waits for leave to send a body would take the next request's answer for this one's.
    if (waitsForLeave(request)) void reply.header('connection', 'close');
    await answerRefusal(reply, refusal ?? new Refusal(500, 'the server failed; its log says why'));
  });
}

/** A bug is looked for by its stack. */
function described(error: unknown): string {
  const stack = error instanceof Error && !(error instanceof ToolcribError) ? error.stack : undefined;
  return stack ?? messageOf(error);
}

function answerRefusal(reply: FastifyReply, { status, message, headers }: Refusal): FastifyReply {
  const always = { 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8' };
  return reply
    .code(status)
    .headers({ ...always, ...headers })
    .send(`${message}\n`);
}

/** What fastify itself refuses. */
function protocolRefusal(error: unknown): Refusal | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  return error.statusCode < 500 ? notUnderstood(error.statusCode) : undefined;
}

function notUnderstood(status: number): Refusal {
  return new Refusal(status, 'this request cannot be understood');
}
