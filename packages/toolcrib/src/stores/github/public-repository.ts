import { RemoteError } from '../../core/errors.ts';
import { displayUrl } from '../../transfer/display-url.ts';
import { rewriteUrl } from '../../transfer/rewrite.ts';
import type { GithubSession } from './session.ts';

/**
 * Verifies that what a stranger cannot find in a repository is not there, by asking whether git may read it: the answer
 * is 401 for a repository that is private, or none (gitprotocol-http(5), "Authentication"). That is no call of the API,
 * which has few answers for strangers. A mirror behind a rewrite rule hides nothing.
 * @param url of what was not found.
 * @throws RemoteError `REMOTE_REFUSED` when it may be there; as `Transfer.get`.
 */
export async function verifyPublic(
  session: GithubSession,
  url: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { reference, github, transfer, options } = session;
  if (rewriteUrl(url, options.rewrite) !== url) return;
  const path = [reference.owner, `${reference.repository}.git`].map(encodeURIComponent).join('/');
  const refs = `${github.addresses.web}/${path}/info/refs?service=git-upload-pack`;
  const answer = await transfer.get(refs, { signal, forbiddenIsMissing: false });
  await answer?.bytes[Symbol.asyncIterator]().return?.();
  if (answer?.headers.get('content-type') === 'application/x-git-upload-pack-advertisement') return;
  throw new RemoteError('REMOTE_REFUSED', `${displayUrl(url)} is shown to nobody without a token`, {
    hint: 'the repository is private, or there is none: correct its name, or ask with a token that may read it',
    details: { status: 404, anonymous: true },
  });
}
