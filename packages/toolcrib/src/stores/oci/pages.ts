import { RemoteError } from '../../core/errors.ts';
import { jsonFrom } from '../../core/json-fields.ts';
import { urlOf, type RegistrySession } from './session.ts';

const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** Of all pages of a list together. */
const MAX_LIST_BYTES = 32 * 1024 * 1024;
const MAX_PAGES = 1000;

/**
 * A list that a registry may give out in pages (OCI distribution specification 1.1, "Listing Tags"): each page's JSON.
 * @param to of the first page, relative to the repository.
 * @returns nothing at all for 404.
 * @throws RemoteError `REMOTE_REFUSED` when there is no end to it, or it goes on at another server; IntegrityError
 * `TOO_LARGE`; as `RegistrySession.expect`.
 */
export async function* pages(session: RegistrySession, to: string, signal: AbortSignal | undefined): AsyncGenerator {
  let next: string | undefined = urlOf(session.address, to);
  let left = MAX_LIST_BYTES;
  for (let page = 0; next !== undefined; page += 1) {
    if (page === MAX_PAGES) throw endless(next, `goes on after ${MAX_PAGES} pages`);
    const asked: string = next;
    const reply = await session.expect([200, 404], { method: 'GET', to: asked, right: 'pull', retry: true, signal });
    if (reply.status === 404) {
      reply.discard();
      return;
    }
    const bytes = await reply.whole(Math.min(MAX_PAGE_BYTES, left));
    left -= bytes.byteLength;
    yield jsonFrom(bytes);
    next = nextOf(reply.headers.get('link'), asked);
    if (next !== undefined && URL.parse(next)?.origin !== session.address.origin)
      throw endless(asked, 'goes on at another server');
  }
}

/** RFC 8288: `<URL>; rel="next"`, relative to what was asked. */
export function nextOf(link: string | undefined, asked: string): string | undefined {
  const target = /<(?<target>[^>]*)>[^,]*;\s*rel="?next"?/i.exec((link ?? '').slice(0, 8192))?.groups?.['target'];
  return target === undefined ? undefined : urlOf({ base: asked }, target);
}

function endless(url: string, how: string): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `the list ${new URL(url).pathname} ${how}`, {
    hint: 'look at the registry: a repository holds the versions of one tool',
  });
}
