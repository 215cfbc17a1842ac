import { openCache, type BlobContent, type Cache, type CacheOptions } from '../../../src/cache/cache.ts';
import type { Notice } from '../../../src/core/reporter.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { inPieces } from '../disk/scratch.ts';

export interface TestCache {
  readonly cache: Cache;
  /** What the cache told a person. */
  readonly notices: Notice[];
}

export function openTestCache(directory: string, options: Partial<CacheOptions> = {}): TestCache {
  const notices: Notice[] = [];
  const reporter = { ...silentReporter, notice: (notice: Notice) => void notices.push(notice) };
  return { cache: openCache(directory, { clock: systemClock, reporter, ...options }), notices };
}

/** Content that counts how often it was opened. */
export function contentOf(bytes: Uint8Array): BlobContent & { opened: number } {
  return {
    what: 'test content',
    maxBytes: 100_000_000,
    opened: 0,
    open() {
      this.opened += 1;
      return inPieces(bytes, 65_536);
    },
  };
}
