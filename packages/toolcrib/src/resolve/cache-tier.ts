import { report, type Tier } from './search.ts';

/** The cache of this host, by pinned digest. */
export const cacheTier: Tier = {
  name: 'cache',
  places: ({ request }) => [request.cache.directory],
  async look(search) {
    const { request, artifact } = search;
    const since = request.clock.elapsed();
    const path = await request.cache.find(artifact.digest, { signal: request.signal });
    if (path === undefined) {
      report(search, 'cache', request.cache.directory, 'missing', `it does not hold ${artifact.digest}`, { since });
      return undefined;
    }
    report(search, 'cache', path, 'found', 'it has the pinned digest', { since });
    return { tier: 'cache', path, url: null, store: null };
  },
};
