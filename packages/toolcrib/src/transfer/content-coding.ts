import { RemoteError } from '../core/errors.ts';
import type { Reply } from './reply.ts';

/**
 * What a body may be called that is the file itself. The second names the framing of an upload, which some S3 servers
 * keep as if it were a property of the object.
 */
const PLAIN: readonly string[] = ['', 'identity', 'aws-chunked'];

/**
 * Refuses a body that somebody compressed on the way, although every request says that it must not be: nothing here
 * unpacks one, so that a small answer cannot become a large one, and its bytes are not the ones that were pinned.
 * @throws RemoteError `REMOTE_REFUSED`.
 */
export function refuseCoded(method: string, reply: Pick<Reply, 'status' | 'url' | 'headers' | 'discard'>): void {
  const { status, url } = reply;
  const codings = (reply.headers.get('content-encoding') ?? '').split(',').map((coding) => coding.trim().toLowerCase());
  if (status < 200 || status > 299 || codings.every((coding) => PLAIN.includes(coding))) return;
  reply.discard();
  throw new RemoteError('REMOTE_REFUSED', `${method} ${url} answered with a compressed body, which was not asked for`, {
    hint: 'the server, or a proxy before it, must not compress files: it has to heed "Accept-Encoding: identity"',
    details: { status },
  });
}
