import type { FastifyInstance } from 'fastify';
import {
  EXTENSIONS_PATH,
  formatPackListing,
  isStoredPackId,
  storedPackName,
  type StoredPackId,
} from '../core/stored-pack.ts';
import type { PackFolder, PackJudge } from './pack-folder.ts';
import { receiveUpload } from './receive-upload.ts';
import { Refusal } from './refusal.ts';
import { sendFile } from './send-file.ts';
import type { ServeContext } from './serve-context.ts';

/** What the routes of packs need. */
export interface PackRoutesContext extends Pick<ServeContext, 'door'> {
  readonly packs: PackFolder;
  readonly judge: PackJudge;
}

interface Below {
  readonly Params: { readonly '*': string };
}

/**
 * The extension store: `GET`, `HEAD` and `PUT {EXTENSIONS_PATH}/{name}/{version}/artifact`, where a name may have slashes,
 * and `GET {EXTENSIONS_PATH}`, the list of all packs (docs/guides/extension-packs.md).
 */
export function addPackRoutes(app: FastifyInstance, { packs, door, judge }: PackRoutesContext): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: EXTENSIONS_PATH,
    handler: async (_, reply) => {
      const listing = formatPackListing(await packs.list());
      return await reply.header('cache-control', 'no-cache').type('application/json').send(listing);
    },
  });
  app.route<Below>({
    method: ['GET', 'HEAD'],
    url: `${EXTENSIONS_PATH}/*`,
    handler: async (request, reply) => {
      const id = packOf(request.params['*']);
      const file = id && (await packs.open(id));
      if (file === undefined) throw new Refusal(404, 'there is no such extension');
      return await sendFile(request, reply, file);
    },
  });
  app.put<Below>(`${EXTENSIONS_PATH}/*`, async (request, reply) => {
    door.admit(request.headers);
    const id = packOf(request.params['*']);
    if (id === undefined)
      throw new Refusal(400, 'an extension is created at {name}/{version}/artifact, in plain letters');
    const size = door.lengthOf(request.headers);
    if (size > judge.maxBytes) throw new Refusal(413, `a pack may have ${judge.maxBytes} bytes, this one has ${size}`);
    const create: PackCreation = (_, upload) => packs.create(id, upload);
    return await receiveUpload(request, reply, { folder: { create }, door, name: storedPackName(id) });
  });
}

type PackCreation = Parameters<typeof receiveUpload>[2]['folder']['create'];

function packOf(path: string): StoredPackId | undefined {
  const [artifact, version = '', ...name] = path.split('/').toReversed();
  const id = { name: name.toReversed().join('/'), version };
  return artifact === 'artifact' && isStoredPackId(id) ? id : undefined;
}
