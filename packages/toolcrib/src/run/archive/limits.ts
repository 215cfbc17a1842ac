/** What reading an archive may cost. */
export interface ArchiveLimits {
  /** Of all members together, unpacked, in bytes. */
  readonly totalBytes: number;
  /** Of the manifest, in bytes: some 350 for a member with the longest name, and its run id. */
  readonly manifestBytes: number;
  /** Of one other JSON document, in bytes. */
  readonly documentBytes: number;
  /** Of one line, in bytes. A command line of 2 MB can become six times as long by escapes. */
  readonly lineBytes: number;
  readonly members: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = {
  totalBytes: 8 * 1024 ** 3,
  manifestBytes: 256 * 1024,
  documentBytes: 64 * 1024 ** 2,
  lineBytes: 16 * 1024 ** 2,
  members: 64,
};
