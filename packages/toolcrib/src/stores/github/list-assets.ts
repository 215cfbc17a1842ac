import type { GithubRelease } from '../../github/releases.ts';
import { listedNames } from '../file-name.ts';
import { verifyListing } from '../listing-limit.ts';
import type { ListOptions } from '../store.ts';
import { tagOfFile } from './release-tag.ts';
import type { GithubSession } from './session.ts';

/**
 * Names of files in all releases; drafts too where there is a token that sees them, and not only what is shown counts.
 * @throws IntegrityError `TOO_LARGE`; as `GithubReleases.list`.
 */
export async function listAssets(
  session: GithubSession,
  prefix: string,
  { signal, shown = false }: ListOptions,
): Promise<readonly string[]> {
  signal?.throwIfAborted();
  const byTag = new Map<string, GithubRelease>();
  let count = 0;
  for await (const release of session.releases.list({ signal })) {
    verifyListing((count += release.assets.length), session.reference.url);
    const other = byTag.get(release.tag);
    if (other === undefined || isPreferred(release, other, session)) byTag.set(release.tag, release);
  }
  const releases = [...byTag.values()].filter(({ draft }) => !(shown && draft));
  const names = releases.flatMap(({ tag, assets }) =>
    assets.filter(({ name, uploaded }) => uploaded && tagOfFile(session.reference, name) === tag),
  );
  return listedNames(
    names.map(({ name }) => name),
    prefix,
  );
}

/** Of several for one tag the same as `findRelease` takes. */
function isPreferred(release: GithubRelease, other: GithubRelease, { chosen }: GithubSession): boolean {
  const known = chosen.get(release.tag);
  if (release.id === known || other.id === known) return release.id === known;
  if (release.draft !== other.draft) return !release.draft;
  return release.id < other.id;
}
