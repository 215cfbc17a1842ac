import type { Digest } from '../../core/digest.ts';
import { refuseOffline } from '../../transfer/transfer.ts';
import type { TransferOptions } from '../../transfer/transfer-options.ts';
import type { OpenedFile } from '../store.ts';
import type { CredentialOptions } from './authorizer.ts';
import { openBlob } from './blobs.ts';
import { pullManifest, type PulledManifest } from './manifests.ts';
import type { OciReference } from './registry-address.ts';
import { openSession } from './session.ts';

/** How one thing is asked for. */
interface AskOptions {
  readonly signal?: AbortSignal | undefined;
}

/** What is in a repository of a registry, whoever pushed it, to be read only. */
export interface OciArtifacts {
  /**
   * @param to a tag or a digest.
   * @returns undefined when there is none.
   * @throws as `pullManifest`.
   */
  pullManifest(to: string, options?: AskOptions): Promise<PulledManifest | undefined>;
  /** Opens a blob; its bytes are not verified here. @returns undefined when there is none. @throws as `openBlob`. */
  openBlob(digest: Digest, options?: AskOptions): Promise<OpenedFile | undefined>;
  /** Frees connections. */
  close(): Promise<void>;
}

/** What it takes to read a repository. */
export interface OciArtifactsOptions extends TransferOptions {
  readonly credentials?: CredentialOptions;
}

/** Nothing is asked before the first call, and no credentials are looked for before the registry asks for them. */
export function openOciArtifacts(reference: OciReference, options: OciArtifactsOptions): OciArtifacts {
  const { credentials = {}, ...transfer } = options;
  const session = openSession(reference, transfer, credentials);
  const begin = (signal: AbortSignal | undefined): void => {
    refuseOffline(transfer, session.address.base);
    signal?.throwIfAborted();
  };
  return {
    async pullManifest(to, { signal } = {}) {
      begin(signal);
      return await pullManifest(session, to, signal);
    },
    async openBlob(digest, { signal } = {}) {
      begin(signal);
      return await openBlob(session, digest, signal);
    },
    close: () => session.close(),
  };
}
