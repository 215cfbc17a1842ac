import type { Digest } from '../core/digest.ts';

/** Bytes that can be read more than once, from the start each time. */
export interface ByteSource {
  /** In bytes, exactly what `open` yields. */
  readonly size: number;
  readonly digest: Digest;
  open(): AsyncIterable<Uint8Array>;
}

/** A file of a store that is being read. */
export interface OpenedFile {
  /** In bytes as the store says it; undefined when it does not. Never believed. */
  readonly size: number | undefined;
  /** Where it really comes from, after rewrites; carries no secret. */
  readonly url: string;
  /** The bytes, once. A reader that stops early must end the iteration, which frees the connection. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface StoreCallOptions {
  readonly signal?: AbortSignal;
}

/** The role of a store that a reader needs. */
export interface Fetcher {
  /**
   * Opens a file by its name. Bytes are not verified here: whoever reads compares them with a pin.
   * @returns undefined when the store has no such file (404, an anonymous 403, ENOENT).
   * @throws RemoteError `UNREACHABLE` after retries with backoff (the implementation retries what may pass: 5xx, 429,
   * timeouts, resets; never a refusal), `REMOTE_REFUSED` when the store answered that it will not, also while bytes
   * flow; an abort ends with the signal's reason.
   */
  fetch(name: string, options?: StoreCallOptions): Promise<OpenedFile | undefined>;
}

/** The role of a store that a publisher needs. */
export interface Pusher {
  /**
   * Creates a file, write-once: of two racing creators exactly one gets `created`, the file is there whole or not at
   * all, and what exists is never changed. The implementation retries what may pass; when an answer was lost it says
   * `exists` or `created` by what it finds, so that a caller who compares bytes after `exists` is right either way.
   * @throws RemoteError `UNREACHABLE`, `REMOTE_REFUSED` (credentials, rights), `STORAGE` (full or read-only disk).
   */
  create(name: string, source: ByteSource, options?: StoreCallOptions): Promise<'created' | 'exists'>;
}

/** The role of a store that answers what it holds. */
export interface Lister {
  /**
   * Names of files that start with `prefix`, sorted by code point; an empty store has none.
   * @throws RemoteError as {@link Fetcher.fetch}.
   */
  list(prefix: string, options?: StoreCallOptions): Promise<readonly string[]>;
}

/**
 * A place where releases live: flat files by name (formats.md 4). Stores are untrusted: nothing they say is believed
 * before a digest matched. Names are those of release files only; an implementation refuses others as a bug.
 */
export interface Store extends Fetcher, Pusher, Lister {
  /** As the user wrote it, for messages. */
  readonly reference: string;
  /** Frees connections. A closed store is not used again. */
  close(): Promise<void>;
}
