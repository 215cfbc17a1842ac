/** What a pack may hold, so that reading one stays a matter of memory and moments. */
export interface PackLimits {
  /** Of the `.gtxpack` itself, in bytes. */
  readonly maxPackBytes: number;
  readonly maxEntries: number;
  /** Of one entry, unpacked, in bytes. */
  readonly maxEntryBytes: number;
  /** Of all entries together, unpacked, in bytes. */
  readonly maxTotalBytes: number;
}

export const PACK_LIMITS: PackLimits = {
  maxPackBytes: 512 * 1024 ** 2,
  maxEntries: 4096,
  maxEntryBytes: 256 * 1024 ** 2,
  maxTotalBytes: 1024 ** 3,
};
