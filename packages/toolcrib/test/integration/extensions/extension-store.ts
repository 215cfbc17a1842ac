import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';

/** What a store has at `NAME/VERSION`, and how it answers for it. */
export interface StoredPack {
  readonly bytes: Uint8Array;
  /** The value of `x-artifact-sha256`; null for none. Default: the right one. */
  readonly told?: string | null;
  /** Statuses that it answers before it gives the pack. */
  readonly failing?: number[];
  /** A length that it announces in place of the right one; it sends the bytes and then nothing more. */
  readonly announced?: number;
  /** So many times it breaks off in the middle of the bytes. */
  breaking?: number;
}

/** An extension store by its documented endpoint alone: it shares no code with toolcrib. */
export interface ExtensionStore extends AsyncDisposable {
  readonly url: string;
  /** Paths that were asked for, in order. */
  readonly asked: readonly string[];
  /** What it has, by `NAME/VERSION`; it may be changed at any time. */
  readonly packs: Map<string, StoredPack>;
}

const ENDPOINT = /^\/api\/v1\/extensions\/(?<pack>.+)\/artifact$/;

/** @param base path before the endpoint, without a slash at its end. */
export async function startExtensionStore(
  packs: Readonly<Record<string, StoredPack>> = {},
  base = '',
): Promise<ExtensionStore> {
  const stored = new Map(Object.entries(packs));
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const named = path.startsWith(base) ? ENDPOINT.exec(path.slice(base.length))?.groups?.['pack'] : undefined;
    const pack = stored.get(decodeURIComponent(named ?? ''));
    if (pack === undefined || request.method !== 'GET') response.writeHead(404).end('not found');
    else answer(pack, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return {
    url: `http://127.0.0.1:${address.port}${base}`,
    asked,
    packs: stored,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(pack: StoredPack, response: ServerResponse): void {
  const { bytes, told = createHash('sha256').update(bytes).digest('hex') } = pack;
  const status = pack.failing?.shift();
  if (status !== undefined) {
    response.writeHead(status).end();
    return;
  }
  response.writeHead(200, {
    'content-type': 'application/zip',
    'content-length': pack.announced ?? bytes.byteLength,
    ...(told !== null && { 'x-artifact-sha256': told }),
  });
  if (pack.announced !== undefined) {
    response.write(bytes);
    return;
  }
  if (pack.breaking === undefined || pack.breaking === 0) {
    response.end(bytes);
    return;
  }
  pack.breaking -= 1;
  response.write(bytes.subarray(0, bytes.byteLength >> 1), () => response.socket?.destroy());
}
