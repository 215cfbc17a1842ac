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

/** What is known of a file that a store does not have. */
export interface Absence {
  /** Where it was really looked for, after rewrites; carries no secret. */
  readonly url: string;
  /** True: the server answered 403 to somebody without credentials. The file is not there, or not for everybody. */
  readonly isHidden: boolean;
}

/** How a file is asked for. */
export interface FetchOptions extends StoreCallOptions {
  /** Called when the store has no such file, before that is returned. */
  readonly onMissing?: (absence: Absence) => void;
  /**
   * The digest that the file has to have, where it is known. A store that keeps by digest asks for it instead of the
   * name, so that nobody can move the name to other bytes; others pass over it. Bytes are still not verified here.
   */
  readonly digest?: Digest;
}

/** The role of a store that a reader needs. */
export interface Fetcher {
  /**
   * Opens a file by its name. Bytes are not verified here: whoever reads compares them with a pin.
   * @returns undefined when the store has no such file (404, ENOENT; an anonymous 403 of a server or a registry, but not of
   * S3, which says by its rights whether it would tell: `REMOTE_REFUSED` with `details.mayBeMissing`).
   * @throws RemoteError `UNREACHABLE` after retries with backoff (the implementation retries what may pass: 5xx, 429,
   * timeouts, resets; never a refusal), `REMOTE_REFUSED` when the store answered that it will not, also while bytes
   * flow; an abort ends with the signal's reason.
   */
  fetch(name: string, options?: FetchOptions): Promise<OpenedFile | undefined>;
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

/** What is listed. */
export interface ListOptions extends StoreCallOptions {
  /** True: only what readers without rights are shown, not drafts. Stores in which every file is shown pass over it. */
  readonly shown?: boolean;
}

/** The role of a store that answers what it holds. */
export interface Lister {
  /**
   * Names of files that start with `prefix`, sorted by code point; an empty store has none.
   * @throws RemoteError as {@link Fetcher.fetch}.
   */
  list(prefix: string, options?: ListOptions): Promise<readonly string[]>;
}

/** A release whose files were all created and read back. */
export interface FinishedRelease {
  readonly tool: string;
  readonly version: number;
  /** Every file in the order in which they came to be: stored sums, artifacts, attestations, manifest. */
  readonly files: readonly { readonly name: string; readonly digest: Digest; /** In bytes. */ readonly size: number }[];
  /** Markdown for stores that show notes beside a release. */
  readonly notes: string;
}

/** The role of a store that ends a publication. */
export interface Completer {
  /**
   * Makes a release visible that exists as files only: publishes a draft, moves a tag. Flat stores have nothing to do,
   * for there the manifest is what completes a release. Repeating it changes nothing.
   * @returns `lost` when the release of another publisher stands under that version now; nobody else's was changed.
   * @throws RemoteError as {@link Pusher.create}.
   */
  complete(release: FinishedRelease, options?: StoreCallOptions): Promise<'complete' | 'lost'>;
}

/** What a store makes sure of when two publish the same version: formats.md 4. */
export type RaceGuarantee =
  /** A file is created once, by the server: exactly one publisher completes. */
  | 'write-once'
  /** The server lets both go on; each finds out by reading again, and nothing of one is ever taken for the other's. */
  | 'detected';

/**
 * A place where releases live: files by name (formats.md 4). Stores are untrusted: nothing they say is believed
 * before a digest matched. Names are those of release files only; an implementation refuses others as a bug.
 *
 * Rewrite rules apply to `fetch` alone. What is written, and what is listed to decide on that, is where the reference
 * says, and nothing is ever written to a mirror.
 */
export interface Store extends Fetcher, Pusher, Lister, Completer {
  /** As the user wrote it, for messages. */
  readonly reference: string;
  readonly guarantee: RaceGuarantee;
  /** False where only files of a release have a place, so that the list of revoked releases has none. Default: true. */
  readonly keepsRevocations?: boolean;
  /** Frees connections. A closed store is not used again. */
  close(): Promise<void>;
}
