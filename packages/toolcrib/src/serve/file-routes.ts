import type { FastifyInstance } from 'fastify';
import { PACKS_FOLDER } from '../core/stored-pack.ts';
import { isStoreFileName } from '../stores/file-name.ts';
import { receiveUpload } from './receive-upload.ts';
import { Refusal } from './refusal.ts';
import { sendFile } from './send-file.ts';
import type { ServeContext } from './serve-context.ts';

/** Names that are not for files, because something else answers or stands there. */
const RESERVED = ['healthz', PACKS_FOLDER];

interface Named {
  readonly Params: { readonly name: string };
}

/** `GET`, `HEAD` and `PUT /{file name}`. */
export function addFileRoutes(app: FastifyInstance, { folder, door }: ServeContext): void {
  app.route<Named>({
    method: ['GET', 'HEAD'],
    url: '/:name',
    handler: async (request, reply) => {
      const file = await folder.open(request.params.name);
      if (file === undefined) throw new Refusal(404, 'there is no such file');
      return await sendFile(request, reply, file);
    },
  });
  app.put<Named>('/:name', async (request, reply) => {
    door.admit(request.headers);
    const { name } = request.params;
    if (!isStoreFileName(name) || RESERVED.includes(name)) throw new Refusal(400, 'this is no name for a file');
    return await receiveUpload(request, reply, { folder, door, name });
  });
}
