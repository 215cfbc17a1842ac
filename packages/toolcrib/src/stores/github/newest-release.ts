import { openGithub, type GithubOptions } from '../../github/client.ts';
import { githubReleases } from '../../github/releases.ts';
import type { GithubReference } from './release-tag.ts';

/** A published release, and whether GitHub lets nobody change it. */
export interface NewestRelease {
  readonly tag: string;
  /** Undefined where the server does not tell. */
  readonly immutable: boolean | undefined;
}

/**
 * The published release of a tool that the repository lists first, whatever its version. The setting for immutable
 * releases is told only to administrators; a release tells everybody what it was when it was published.
 * @returns undefined without one.
 * @throws as `GithubReleases.list`.
 */
export async function findNewestRelease(
  { owner, repository, endpoint, tagPrefix }: GithubReference,
  tool: string,
  { signal, ...options }: Omit<GithubOptions, 'endpoint'> & { readonly signal?: AbortSignal },
): Promise<NewestRelease | undefined> {
  const github = openGithub({ ...options, endpoint });
  const prefix = `${tagPrefix ?? tool}-v`;
  try {
    const releases = githubReleases(github, owner, repository).list(signal === undefined ? {} : { signal });
    for await (const { tag, draft, immutable } of releases) {
      if (!draft && tag.startsWith(prefix)) return { tag, immutable };
    }
    return undefined;
  } finally {
    await github.close();
  }
}
