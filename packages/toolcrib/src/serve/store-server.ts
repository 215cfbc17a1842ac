import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { isSystemError, RemoteError } from '../core/errors.ts';
import { PACKS_FOLDER } from '../core/stored-pack.ts';
import { sweepTemporaries } from '../disk/temporary.ts';
import { addFileRoutes } from './file-routes.ts';
import { addHealth, addListing } from './overview-routes.ts';
import { openPackFolder, type PackJudge } from './pack-folder.ts';
import { addPackRoutes } from './pack-routes.ts';
import { openPublishDoor, type UploadLimits } from './publish-door.ts';
import type { PublishToken } from './publish-token.ts';
import { Refusal } from './refusal.ts';
import type { RunningServer } from './running-server.ts';
import type { ServeContext } from './serve-context.ts';
import { openServedFolder } from './served-folder.ts';
import { createApp, type AppOptions, type Patience } from './store-app.ts';

export const PATIENCE: Patience = { headersMs: 10_000, stallMs: 60_000, lingerMs: 2_000, stopMs: 20_000 };
export const UPLOAD_LIMITS: UploadLimits = { maxFileBytes: 2 * 1024 ** 3, maxUploads: 32, uploadMs: 60_000 };

/** What is served, and how. */
export interface StoreServerOptions extends AppOptions {
  /** Absolute path of a folder that exists. */
  readonly root: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Undefined: files are read only. */
  readonly token: PublishToken | undefined;
  readonly renderPage: ServeContext['renderPage'];
  readonly judge: PackJudge;
}

/**
 * Serves a folder as an HTTP store. What a killed server left in it is taken away first.
 * @throws RemoteError `CANNOT_LISTEN`, `STORAGE`.
 */
export async function startStoreServer(options: StoreServerOptions): Promise<RunningServer> {
  const { root, token, limits, clock, judge } = options;
  const cutOff = new AbortController();
  const { signal } = cutOff;
  const served = { keep: token !== undefined, signal };
  if (token !== undefined) {
    for (const folder of [root, join(root, PACKS_FOLDER)]) await sweepTemporaries(folder, { now: clock.now() });
  }
  const context: ServeContext = {
    root,
    folder: openServedFolder(root, served),
    packs: openPackFolder(root, judge, served),
    door: openPublishDoor(token, limits, signal),
    signal,
    renderPage: options.renderPage,
  };
  const app = await createApp(options);
  addListing(app, context);
  addHealth(app, context);
  addPackRoutes(app, { ...context, judge });
  addFileRoutes(app, context);
  const url = await listen(app, options);
  return stoppable(url, app, context, cutOff, options);
}

async function listen(app: FastifyInstance, { host, port }: StoreServerOptions): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw cannotListen(error, host, port);
  }
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: choose another --port, or 0 for any that is free',
  EACCES: 'ports below 1024 need rights: choose another --port',
  EADDRNOTAVAIL: 'this machine has no such address: correct --host',
  ENOTFOUND: 'no address is known by that name: correct --host',
};

function cannotListen(error: unknown, host: string, port: number): unknown {
  if (!isSystemError(error, ...Object.keys(HINTS))) return error;
  return new RemoteError('CANNOT_LISTEN', `cannot listen on ${host} port ${port}: ${error.code}`, {
    hint: HINTS[error.code ?? ''] ?? '',
    details: { host, port, system: error.code ?? null },
    cause: error,
  });
}

function stoppable(
  url: string,
  app: FastifyInstance,
  { door }: ServeContext,
  cutOff: AbortController,
  { patience, clock, onEvent }: StoreServerOptions,
): RunningServer {
  const { promise: stopped, resolve, reject } = Promise.withResolvers<undefined>();
  let stopping: Promise<undefined> | undefined;
  const stop = async (): Promise<void> => {
    onEvent({ event: 'stopping', time: new Date(clock.now()).toISOString() });
    const timer = setTimeout(() => {
      cutOff.abort(new Refusal(503, 'the server stops'));
      app.server.closeAllConnections();
    }, patience.stopMs);
    await app.close();
    await door.drained();
    clearTimeout(timer);
  };
  return {
    url,
    stopped,
    stop() {
      stopping ??= stop().then(() => undefined);
      stopping.then(resolve, reject);
      return stopping;
    },
  };
}
