import type { CachedItem } from './contents.ts';
import { ageOf, USE_TIMES } from './last-use.ts';

/** What a collection leaves. What is absent is not limited. */
export interface CollectionLimits {
  /** In bytes, of artifacts, their unpacked forms, as tars and as trees, and packs together. */
  readonly maxBytes?: number | undefined;
  /** Milliseconds since the last use. */
  readonly maxAgeMs?: number | undefined;
}

/** What is to go, and by which limit. */
export interface Victim {
  readonly item: CachedItem;
  /** `gone`: what it leads to is not there, or goes, too. */
  readonly reason: 'age' | 'size' | 'gone';
}

/**
 * Chooses what a collection takes away: what was not used for too long, then, while there is more than the cap, what was
 * not used for longest. Never what is leased or was used within the grace. All else weighs nothing: attestations and
 * placements go by age only, attestations when neither the artifact nor its unpacked form stays; what leads to a pack goes,
 * whatever the limits, when that does not stay.
 * @param now wall clock, milliseconds since 1970.
 * @param graceMs as in `UseTimes`.
 * @returns in the order in which they are to go; the same for the same items in any order.
 */
export function chooseVictims(
  items: readonly CachedItem[],
  limits: CollectionLimits,
  now: number,
  graceMs = USE_TIMES.graceMs,
): readonly Victim[] {
  const { maxBytes = Infinity, maxAgeMs = Infinity } = limits;
  const free = items.filter((item) => !isProtected(item, now, graceMs)).sort((a, b) => compareUse(a, b, now));
  const isTooOld = (item: CachedItem) => ageOf(item.lastUsedAt, now) > maxAgeMs;
  const victims: Victim[] = [];
  let bytes = heavyBytes(items);
  for (const item of free.filter(isHeavy)) {
    const reason = isTooOld(item) ? 'age' : bytes > maxBytes ? 'size' : undefined;
    if (reason === undefined) continue;
    victims.push({ item, reason });
    bytes -= item.size;
  }
  const gone = new Set(victims.map(({ item }) => item));
  const stays = new Set(items.filter((item) => isHeavy(item) && !gone.has(item)).map(({ digest }) => digest));
  for (const item of free) {
    if (item.kind === 'pointer' && !stays.has(item.digest)) victims.push({ item, reason: 'gone' });
    if (!isTooOld(item)) continue;
    if (item.kind === 'placement' || (item.kind === 'attestations' && !stays.has(item.digest))) {
      victims.push({ item, reason: 'age' });
    }
  }
  return victims;
}

/** True for what counts against a cap of bytes. */
export function isHeavy({ kind }: CachedItem): boolean {
  return kind === 'artifact' || kind === 'unpacked' || kind === 'tree' || kind === 'pack';
}

/** Bytes that count against a cap. */
export function heavyBytes(items: readonly CachedItem[]): number {
  return items.filter(isHeavy).reduce((sum, { size }) => sum + size, 0);
}

/** True for what no limit takes away. */
export function isProtected(item: CachedItem, now: number, graceMs = USE_TIMES.graceMs): boolean {
  return item.leased || ageOf(item.lastUsedAt, now) < graceMs;
}

/** Longest unused first; of equals the unpacked forms, which are made again without any store. */
function compareUse(a: CachedItem, b: CachedItem, now: number): number {
  const older = ageOf(b.lastUsedAt, now) - ageOf(a.lastUsedAt, now);
  if (older !== 0) return older;
  if (a.kind !== b.kind) return a.kind > b.kind ? -1 : 1; // unpacked, tree, pointer, placement, pack, attestations, artifact
  return a.path < b.path ? -1 : 1;
}
