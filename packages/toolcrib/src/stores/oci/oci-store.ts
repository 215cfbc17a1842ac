import type { Digest } from '../../core/digest.ts';
import { hasCode } from '../../core/errors.ts';
import type { TransferOptions } from '../../transfer/transfer-options.ts';
import { displayUrl } from '../../transfer/display-url.ts';
import { refuseOffline } from '../../transfer/transfer.ts';
import { assertStoreFileName, listedNames } from '../file-name.ts';
import type { FetchOptions, OpenedFile, Store } from '../store.ts';
import type { CredentialOptions } from './authorizer.ts';
import { openBlob, verifiedBytes } from './blobs.ts';
import { completeVersion } from './complete-version.ts';
import { createFile } from './create-file.ts';
import { listFiles } from './list-files.ts';
import { locateFile } from './locate-file.ts';
import type { OciReference } from './registry-address.ts';
import type { PushOptions } from './push-blob.ts';
import type { Repository } from './repository.ts';
import { openSession, urlOf, type RegistrySession } from './session.ts';

/** What an OCI store needs from outside. */
export interface OciStoreOptions extends TransferOptions, Omit<PushOptions, 'signal'> {
  readonly credentials?: CredentialOptions;
  /** False: a 403 to a stranger is RemoteError `REMOTE_REFUSED`, for what is hidden may be there. Default: true. */
  readonly forbiddenIsMissing?: boolean;
}

/**
 * A store in a repository of an OCI registry: formats.md 4. Nothing is loaded or asked before the first call, and no
 * credentials are looked for before the registry asks for them. Rewrite rules apply to what is fetched: what is written,
 * and read to decide on that, stands in the registry itself.
 */
export function openOciStore(reference: OciReference, options: OciStoreOptions): Store {
  const { mountFrom, chunkedFrom, chunkSize, credentials = {}, forbiddenIsMissing = true, ...transfer } = options;
  const session = openSession(reference, { ...transfer, rewrite: [] }, credentials);
  const mirror = openSession(reference, transfer, credentials);
  const repository: Repository = {
    session,
    reference: reference.url,
    push: { mountFrom, chunkedFrom, chunkSize },
    pushed: new Set(),
    sums: new Map(),
    own: new Map(),
  };
  const readable: Repository = { ...repository, session: mirror };
  const begin = ({ address }: RegistrySession, signal: AbortSignal | undefined): void => {
    refuseOffline(transfer, address.base);
    signal?.throwIfAborted();
  };
  return {
    reference: reference.url,
    guarantee: 'detected',
    async fetch(name, fetchOptions = {}) {
      assertStoreFileName(name);
      begin(mirror, fetchOptions.signal);
      const { file, isHidden } = await openFile(readable, name, fetchOptions).then(
        (opened) => ({ file: opened, isHidden: false }),
        (error: unknown) => {
          if (forbiddenIsMissing && isForbidden(error)) return { file: undefined, isHidden: true };
          throw error;
        },
      );
      if (file === undefined) fetchOptions.onMissing?.({ url: urlFor(mirror, fetchOptions.digest), isHidden });
      return file;
    },
    async create(name, source, { signal } = {}) {
      assertStoreFileName(name);
      begin(session, signal);
      return await createFile(repository, name, source, signal);
    },
    async list(prefix, { signal } = {}) {
      begin(session, signal);
      return listedNames([...new Set(await listFiles(repository, prefix, signal))], prefix);
    },
    async complete(release, { signal } = {}) {
      begin(session, signal);
      return await completeVersion(repository, release, signal);
    },
    async close() {
      await Promise.all([session.close(), mirror.close()]);
    },
  };
}

async function openFile(
  repository: Repository,
  name: string,
  { digest, signal }: FetchOptions,
): Promise<OpenedFile | undefined> {
  const { session } = repository;
  const wanted = digest ?? (await locateFile(repository, name, signal))?.content.digest;
  const reply = wanted && (await openBlob(session, wanted, signal));
  if (!reply) return undefined;
  const { size, url, bytes } = reply;
  return { size, url, bytes: digest === undefined ? verifiedBytes(reply, wanted) : bytes };
}

/** Registries hide from strangers what is private, and what is not there, by the same 403. */
function isForbidden(error: unknown): boolean {
  const isRefused = hasCode(error, 'REMOTE_REFUSED') && error.details['status'] === 403;
  return isRefused && error.details['anonymous'] === true;
}

/** Where a file is asked for: who knows its digest asks for that, others for tags of the repository. */
function urlFor({ address }: RegistrySession, digest: Digest | undefined): string {
  return displayUrl(digest === undefined ? address.base : urlOf(address, `blobs/${digest}`));
}
