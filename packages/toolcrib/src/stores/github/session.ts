import type { GithubPatience } from '../../github/patience.ts';
import { openGithub, type Github } from '../../github/client.ts';
import { githubReleases, type GithubAsset, type GithubRelease, type GithubReleases } from '../../github/releases.ts';
import { createTransfer, type Transfer } from '../../transfer/transfer.ts';
import type { TransferOptions } from '../../transfer/transfer-options.ts';
import type { GithubReference } from './release-tag.ts';

/** What a GitHub store needs from outside. */
export interface GithubStoreOptions extends TransferOptions {
  /** Absent: only what is public can be read, and nothing published. */
  readonly token?: string | undefined;
  /**
   * True: the API, which has few answers for strangers, is not asked. What everybody sees can be read; nothing is listed.
   * Where the repository is not public, what cannot be read may be there: RemoteError `REMOTE_REFUSED`.
   */
  readonly anonymous?: boolean;
  readonly patience?: GithubPatience;
  /** Milliseconds that an upload of somebody else may take before it counts as broken off; 10,000 when absent. */
  readonly foreignUploadMs?: number;
}

/** What the operations on one repository share. */
export interface GithubSession {
  readonly reference: GithubReference;
  readonly options: GithubStoreOptions;
  readonly github: Github;
  readonly releases: GithubReleases;
  /** For what is public: no API, no token, and the only thing that rewrite rules apply to. */
  readonly transfer: Transfer;
  /** The release that this session works on, by tag. */
  readonly chosen: Map<string, number>;
  /** Releases that this session created. */
  readonly own: Set<number>;
  /** Uploads that this session began and did not finish, as `RELEASE/NAME`. */
  readonly brokenOff: Set<string>;
}

export function openSession(reference: GithubReference, options: GithubStoreOptions): GithubSession {
  const { owner, repository, endpoint } = reference;
  const { token, patience } = options;
  const github = openGithub({ endpoint, token, transfer: { ...options, rewrite: [] }, patience });
  return {
    reference,
    options,
    github,
    releases: githubReleases(github, owner, repository),
    transfer: createTransfer(options),
    chosen: new Map(),
    own: new Set(),
    brokenOff: new Set(),
  };
}

/**
 * The release that stands for a tag: the one that this session works on, else the published one, else the draft that was
 * created first, so that all publishers choose the same.
 */
export async function findRelease(
  session: GithubSession,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<GithubRelease | undefined> {
  const { releases, chosen, github } = session;
  const known = chosen.get(tag);
  const release = known === undefined ? undefined : await releases.byId(known, { signal });
  if (release !== undefined) return release;
  chosen.delete(tag);
  const published = await releases.byTag(tag, { signal });
  if (published !== undefined || !github.hasToken) return published;
  return (await draftsOf(session, tag, signal))[0];
}

/** Drafts for a tag, the first created first. */
export async function draftsOf(
  { releases }: GithubSession,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<readonly GithubRelease[]> {
  const drafts: GithubRelease[] = [];
  for await (const release of releases.list({ signal })) {
    if (release.draft && release.tag === tag) drafts.push(release);
  }
  return drafts.sort((a, b) => a.id - b.id);
}

/** A file of a release, also one whose bytes have not come whole. */
export function assetOf(release: GithubRelease | undefined, name: string): GithubAsset | undefined {
  return release?.assets.find((asset) => asset.name === name);
}
