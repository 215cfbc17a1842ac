/** A file of a release. */
export interface Asset {
  readonly id: number;
  readonly name: string;
  /** `starter`: its bytes never came whole. */
  state: 'uploaded' | 'starter';
  readonly contentType: string;
  bytes: Buffer;
  /** `sha256:…` as GitHub says it; null as before 2025, and as a test may set it. */
  digest: string | null;
  readonly createdAt: string;
}

export interface Release {
  readonly id: number;
  tag: string;
  targetCommitish: string;
  name: string | null;
  body: string | null;
  draft: boolean;
  prerelease: boolean;
  immutable: boolean;
  readonly createdAt: string;
  /** By requests, see {@link GithubState.made}. */
  readonly createdIn: number;
  publishedAt: string | null;
  assets: Asset[];
}

/** What a stand-in for GitHub keeps of a repository. Whoever adds routes keeps what is theirs in a state of their own. */
export interface Repository {
  readonly owner: string;
  readonly name: string;
  readonly private: boolean;
  readonly defaultBranch: string;
  /** Commits that can be released, full hashes in lower case; the branch's is one. */
  readonly commits: Set<string>;
  /** Tag to commit. */
  readonly tags: Map<string, string>;
  releases: Release[];
  /** True: a release that is published from now on is immutable. */
  immutableReleases: boolean;
  /** Tags of immutable releases, for ever. */
  readonly usedTags: Set<string>;
}

/** What a token may do, in all repositories. */
export type TokenRights = 'read' | 'write';

/** Everything that the stand-in knows. */
export interface GithubState {
  readonly repositories: ReadonlyMap<string, Repository>;
  readonly tokens: ReadonlyMap<string, TokenRights>;
  /** Bytes on the objects host by their path. */
  readonly objects: Map<string, Buffer>;
  /**
   * How many requests later a draft is listed that was just created: GitHub's listings lag behind, so that two publishers
   * may not see each other. 0 at first.
   */
  listingLag: number;
  /** Requests to the API so far. */
  made: number;
  /** Requests that are left; undefined: without end. */
  remaining: number | undefined;
  /** Seconds since 1970 at which there are more again. */
  reset: number;
  nextId(): number;
  /** ISO 8601, without fractions. */
  now(): string;
}

export interface RepositorySettings {
  /** `OWNER/NAME`. */
  readonly name: string;
  readonly private?: boolean;
  readonly commits?: readonly string[];
  readonly immutableReleases?: boolean;
}

/** The commit of the default branch of every repository. */
export const HEAD_COMMIT = 'c0ffee0000000000000000000000000000000001';

export function createState(
  repositories: readonly RepositorySettings[],
  tokens: Readonly<Record<string, TokenRights>>,
): GithubState {
  let id = 1000;
  return {
    repositories: new Map(repositories.map((settings) => [settings.name.toLowerCase(), repositoryOf(settings)])),
    tokens: new Map(Object.entries(tokens)),
    objects: new Map(),
    listingLag: 0,
    made: 0,
    remaining: undefined,
    reset: Math.floor(Date.now() / 1000) + 3600,
    nextId: () => (id += 1),
    now: () => new Date().toISOString().replace(/\.[0-9]+Z$/, 'Z'),
  };
}

function repositoryOf(settings: RepositorySettings): Repository {
  const [owner = '', name = ''] = settings.name.split('/');
  return {
    owner,
    name,
    private: settings.private ?? false,
    defaultBranch: 'main',
    commits: new Set([HEAD_COMMIT, ...(settings.commits ?? [])]),
    tags: new Map(),
    releases: [],
    immutableReleases: settings.immutableReleases ?? false,
    usedTags: new Set(),
  };
}
