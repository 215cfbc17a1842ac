import { RemoteError } from '../../core/errors.ts';
import type { GithubRelease } from '../../github/releases.ts';
import { draftsOf, findRelease, type GithubSession } from './session.ts';

/**
 * The release that files for a tag go into: the one that is there, else a draft that is created. GitHub has no way to
 * create a draft only if there is none, so whoever created one looks again: of several the first counts, and who
 * created another takes it away again.
 * @throws RemoteError `REMOTE_REFUSED` without a token.
 */
export async function chooseRelease(
  session: GithubSession,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<GithubRelease> {
  if (!session.github.hasToken) throw noToken(session);
  const release = (await findRelease(session, tag, signal)) ?? (await createDraft(session, tag, signal));
  session.chosen.set(tag, release.id);
  return release;
}

async function createDraft(
  session: GithubSession,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<GithubRelease> {
  const created = await session.releases.createDraft(tag, { signal });
  session.own.add(created.id);
  const first = (await draftsOf(session, tag, signal))[0];
  if (first === undefined || first.id >= created.id) return created;
  await removeOwnDraft(session, created.id, signal);
  return first;
}

/** Takes away a draft that this session created and nobody uses. */
async function removeOwnDraft(session: GithubSession, id: number, signal: AbortSignal | undefined): Promise<void> {
  const release = await session.releases.byId(id, { signal });
  if (release?.draft === true && release.assets.length === 0) await discardDraft(session, id, signal);
}

/** Takes away a draft of this session; that it stays when GitHub refuses is no failure of the publication. */
export async function discardDraft(session: GithubSession, id: number, signal: AbortSignal | undefined): Promise<void> {
  if (!session.own.delete(id)) return;
  try {
    await session.releases.remove(id, { signal });
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    const { owner, repository } = session.reference;
    session.options.reporter?.notice({
      kind: 'warning',
      text: `a draft that is not needed stays in ${owner}/${repository}: ${error.message}`,
      hint: 'delete it on the page of releases',
    });
  }
}

function noToken({ reference }: GithubSession): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `publishing to ${reference.url} needs a token, and there is none`, {
    hint: 'set TOOLCRIB_GITHUB_TOKEN or GITHUB_TOKEN to a token with the permission "contents: write"',
  });
}
