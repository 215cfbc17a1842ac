/** What a store tells of writing while nothing is written. */
export interface WriteOutlook {
  /** False for a directory that publishing would make. */
  readonly isThere: boolean;
  /** False when this user surely cannot write there; null when only trying tells. */
  readonly writable: boolean | null;
  /** True where servers of this kind are known that pass over the demand to create and never to replace. */
  readonly mayOverwrite: boolean;
  /** What was seen, a sentence without its end. */
  readonly text: string;
}

/**
 * What came of creating a file, and creating it again with other bytes:
 *
 * - `write-once`: the second creation was refused, and the first bytes are still there;
 * - `overwrites`: the second one was taken, whatever was answered.
 */
export type WriteProbeOutcome = 'write-once' | 'overwrites';

/** How writing is tried. */
export interface WriteProbeOptions {
  /** What makes the file's name its own, unguessable: `[a-z0-9]+`. */
  readonly suffix: string;
  readonly signal?: AbortSignal | undefined;
}

/** The role of a store that tells whether it can be published to. Only stores have it that can take a file away again. */
export interface WriteInspector {
  /** Writes nothing. @throws RemoteError as `Fetcher.fetch`. */
  look(signal?: AbortSignal): Promise<WriteOutlook>;
  /**
   * Creates a file that is no part of a release, and creates it again; nothing of it is left, also after an abort as far
   * as the store still answers. What was sent and not answered may have been written, and is taken away, too.
   * @throws RemoteError as `Pusher.create`; one that names the file when it stays, or may; the signal's reason.
   */
  probe(options: WriteProbeOptions): Promise<WriteProbeOutcome>;
  close(): Promise<void>;
}

/** Name of the file that is written and removed again; no release has one of that kind. */
export function writeProbeName(suffix: string): string {
  return `toolcrib-write-probe-${suffix}`;
}
