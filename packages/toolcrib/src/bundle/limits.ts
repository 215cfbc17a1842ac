import type { TarLimits } from '../tar/read.ts';

/** A bundle above this size, in bytes, is neither written nor read. */
export const MAX_BUNDLE_BYTES = 16 * 1024 ** 3;

/** 6 targets, two attestations for each, and what goes with them are 50 members. */
export const BUNDLE_LIMITS: TarLimits = {
  maxEntries: 400,
  maxEntryBytes: 2 * 1024 ** 3,
  maxTotalBytes: MAX_BUNDLE_BYTES,
};

/** What is held in memory of all small members together, in bytes. */
export const MAX_HELD_BYTES = 32 * 1024 * 1024;
