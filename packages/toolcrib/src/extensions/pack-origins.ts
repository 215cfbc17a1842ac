import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../core/clock.ts';
import type { Digest } from '../core/digest.ts';
import type { OciBase, OciRepository } from '../core/oci-location.ts';
import type { Reporter } from '../core/reporter.ts';
import type { OpenedFile } from '../stores/store.ts';
import type { PackCache } from './pack-cache.ts';

/** What a server gave, with what it said about it. */
export interface OfferedFile extends OpenedFile {
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/**
 * Asks a server for a file. It retries what may pass, and goes on where bytes break off as far as it can.
 * @returns undefined when there is none.
 * @throws RemoteError `UNREACHABLE`, `REMOTE_REFUSED`, `OFFLINE`; the signal's reason.
 */
export type GetFile = (
  url: string,
  options: { readonly signal?: AbortSignal | undefined },
) => Promise<OfferedFile | undefined>;

/** A repository of a registry, read. Who opened it closes it. */
export interface PackRegistry {
  /**
   * @param to a tag or a digest.
   * @returns a manifest whose digest was measured, and is `to` where that is one; undefined when there is none.
   * @throws RemoteError as {@link GetFile}; IntegrityError `DIGEST_MISMATCH`, `TOO_LARGE`.
   */
  pullManifest(
    to: string,
    options: { readonly signal?: AbortSignal | undefined },
  ): Promise<{ readonly bytes: Uint8Array; readonly digest: Digest; readonly url: string } | undefined>;
  /** Opens a blob, whose bytes are not verified here. @returns undefined when there is none. @throws as {@link GetFile}. */
  openBlob(digest: Digest, options: { readonly signal?: AbortSignal | undefined }): Promise<OpenedFile | undefined>;
}

/** Where packs come from, and what it takes. Nothing is loaded or opened before it is asked for. */
export interface PackOrigins {
  readonly cache: PackCache;
  readonly locks: Pick<Cache, 'withLock'>;
  readonly offline: boolean;
  /** The extension store, as a URL. @param what needs it, for messages. @throws UsageError `USAGE` when none is named. */
  readonly storeBase: (what: string) => string;
  /** What `repo://` references stand below; undefined when the configuration does not say. */
  readonly repoBase: OciBase | undefined;
  readonly get: GetFile;
  /** The same one each time for one repository. */
  readonly openRegistry: (repository: OciRepository) => Promise<PackRegistry>;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}
