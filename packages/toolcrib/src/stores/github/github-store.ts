import { RemoteError } from '../../core/errors.ts';
import { assertStoreFileName } from '../file-name.ts';
import type { Store } from '../store.ts';
import { completeRelease } from './complete-release.ts';
import { createAsset } from './create-asset.ts';
import { listAssets } from './list-assets.ts';
import { assetReader } from './read-asset.ts';
import { tagOfFile, type GithubReference } from './release-tag.ts';
import { openSession, type GithubStoreOptions } from './session.ts';

export type { GithubStoreOptions } from './session.ts';

/**
 * A store in the releases of a GitHub repository: one release a version, created as a draft and published when it is
 * whole. Nothing is loaded or asked before the first call.
 */
export function openGithubStore(reference: GithubReference, options: GithubStoreOptions): Store {
  const session = openSession(reference, options);
  const read = assetReader(session);
  return {
    reference: reference.url,
    guarantee: 'detected',
    keepsRevocations: false,
    async fetch(name, fetching = {}) {
      assertStoreFileName(name);
      return await read(name, fetching);
    },
    async create(name, source, { signal } = {}) {
      assertStoreFileName(name);
      const tag = tagOfFile(reference, name);
      if (tag === undefined) throw new Error(`not a file of any release: ${name}`);
      return await createAsset({ session, tag, name, source, signal });
    },
    async list(prefix, listing = {}) {
      if (options.anonymous === true) throw notListed(reference);
      return await listAssets(session, prefix, listing);
    },
    complete: (release, { signal } = {}) => completeRelease(session, release, signal),
    async close() {
      await Promise.all([session.github.close(), session.transfer.close()]);
    },
  };
}

function notListed({ url }: GithubReference): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `${url} is not listed without a token`, {
    hint: 'only single files are read here',
    details: { anonymous: true },
  });
}
