/** Where one GitHub is, without slashes at the ends. */
export interface GithubAddresses {
  readonly api: string;
  /** What takes the bytes of release assets. */
  readonly uploads: string;
  /** What a person looks at, and what gives out public assets. */
  readonly web: string;
}

/**
 * Addresses of GitHub.com, or of an Enterprise server (GitHub's documentation, "Getting started with the REST API" and
 * "REST API endpoints for release assets" of GitHub Enterprise Server).
 * @param endpoint of an Enterprise server, e.g. `https://github.example.com`, without a slash at its end.
 */
export function githubAddresses(endpoint: string | undefined): GithubAddresses {
  if (endpoint === undefined) {
    return { api: 'https://api.github.com', uploads: 'https://uploads.github.com', web: 'https://github.com' };
  }
  return { api: `${endpoint}/api/v3`, uploads: `${endpoint}/api/uploads`, web: endpoint };
}
