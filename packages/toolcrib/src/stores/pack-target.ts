import type { ByteSource, OpenedFile, RaceGuarantee, StoreCallOptions } from './store.ts';

/** A pack that is there, as its place shows it to readers. */
export interface FoundPack {
  readonly file: OpenedFile;
  /** What a `pack.extensions.json` has to say to depend on it, e.g. `store://http@1.2.0`. */
  readonly source: string;
}

/**
 * The place of one version of one extension's pack. As in a store of releases, what stands there is never changed.
 * Implementations retry what may pass.
 */
export interface PackTarget {
  /** Where that is, for messages; carries no secret. */
  readonly where: string;
  /** What becomes of two who publish at the same time: with `detected`, who reads back may find the other one's pack. */
  readonly guarantee: RaceGuarantee;
  /**
   * Creates the pack, whole or not at all.
   * @throws RemoteError `UNREACHABLE`, `REMOTE_REFUSED`, `STORAGE`; an abort ends with the signal's reason.
   */
  create(pack: ByteSource, options?: StoreCallOptions): Promise<'created' | 'exists'>;
  /**
   * Opens what stands there now. Bytes are not verified here.
   * @returns undefined when there is none.
   * @throws as {@link PackTarget.create}.
   */
  open(options?: StoreCallOptions): Promise<FoundPack | undefined>;
  /** Frees connections. */
  close(): Promise<void>;
}
