import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isSystemError } from '../core/errors.ts';
import { formatStoreListing } from '../core/store-listing.ts';
import type { ServeContext } from './serve-context.ts';

/** The page has its own few rules of style, and nothing is loaded for it. */
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/** `GET /`: what there is, as a page or as JSON. */
export function addListing(app: FastifyInstance, { folder, packs, renderPage }: ServeContext): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/',
    handler: async (request, reply) => {
      const files = await folder.list();
      void reply.headers({ 'cache-control': 'no-cache', vary: 'accept' });
      if (wantsJson(request)) return await reply.type('application/json').send(formatStoreListing(files));
      void reply.header('content-security-policy', PAGE_POLICY);
      return await reply.type('text/html; charset=utf-8').send(renderPage(files, await packs.list()));
    },
  });
}

/** A browser names JSON, if at all, together with HTML. */
function wantsJson({ query, headers }: FastifyRequest): boolean {
  const format = typeof query === 'object' && query !== null && 'format' in query ? query.format : undefined;
  const accepted = headers.accept ?? '';
  return format === 'json' || (/\bapplication\/json\b/i.test(accepted) && !/\btext\/html\b/i.test(accepted));
}

/** `GET /healthz`: whether the folder can be read, and written where that is wanted. */
export function addHealth(app: FastifyInstance, { root, door }: ServeContext): void {
  const needed = constants.R_OK | constants.X_OK | (door.isOpen ? constants.W_OK : 0);
  app.route({
    method: ['GET', 'HEAD'],
    url: '/healthz',
    handler: async (_, reply) => {
      const problem = await access(root, needed).then(() => undefined, systemCode);
      const health = { status: problem === undefined ? 'ok' : 'failing', publishing: door.isOpen };
      void reply.code(problem === undefined ? 200 : 503).header('cache-control', 'no-store');
      return await reply.send(problem === undefined ? health : { ...health, problem });
    },
  });
}

function systemCode(error: unknown): string {
  return isSystemError(error, 'ENOENT', 'EACCES', 'EROFS', 'ENOTDIR', 'EIO') ? String(error.code) : 'unknown';
}
