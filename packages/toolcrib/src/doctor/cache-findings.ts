import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { auditCacheNames } from '../cache/audit.ts';
import { itemsOf, readContents } from '../cache/contents.ts';
import { layoutOf } from '../cache/layout.ts';
import { listLeftovers } from '../cache/leftovers.ts';
import { isSystemError, messageOf } from '../core/errors.ts';
import { nearestThere } from '../disk/writable-directory.ts';
import { finding, type Finding } from './finding.ts';

const COMMON = { group: 'cache', subject: 'cache' } as const;
/** Less room than this, in bytes, and the next artifact may not fit. */
const LITTLE_ROOM = 1024 ** 3;

/**
 * Looks at the cache without reading what is in it: whether it can be written, room, leftovers, strangers. From one that cannot,
 * artifacts can still be injected where the ledger is elsewhere.
 * @param directory absolute.
 * @param ledger absolute; of the cache or elsewhere.
 * @param now wall clock, milliseconds since 1970.
 * @throws RemoteError `STORAGE`.
 */
export async function examineCache(directory: string, ledger: string, now: number): Promise<readonly Finding[]> {
  const unusable = await whyUnusable(directory);
  if (unusable === undefined) return [...(await contentFindings(directory, now)), ...(await roomFindings(directory))];
  const facts = { directory };
  const text = `${directory}: ${unusable}`;
  const isElsewhere = ledger !== layoutOf(directory).placements;
  if (isElsewhere && (await whyUnusable(ledger)) === undefined) {
    const still = `${text}; what it has can be injected, because the ledger is in ${ledger}`;
    const remedy = 'to download or build more, name a directory that this user can write: TOOLCRIB_CACHE_DIR';
    return [finding({ ...COMMON, state: 'warning', text: still, remedy, facts: { ...facts, ledger } })];
  }
  const remedy =
    'name a directory that this user can write: TOOLCRIB_CACHE_DIR, or TOOLCRIB_LEDGER_DIR to inject what this one has';
  return [finding({ ...COMMON, state: 'failed', text, remedy, facts })];
}

/** Nothing is written: a directory that is not there yet is judged by the nearest one that is. */
async function whyUnusable(directory: string): Promise<string | undefined> {
  const nearest = await nearestThere(directory);
  try {
    if (!(await stat(nearest)).isDirectory()) return `${nearest} is no directory`;
    await access(nearest, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const isClosed = isSystemError(error, 'EACCES', 'EROFS', 'EPERM');
    return isClosed ? `this user cannot write in ${nearest}` : messageOf(error);
  }
}

async function contentFindings(directory: string, now: number): Promise<readonly Finding[]> {
  const layout = layoutOf(directory);
  const items = itemsOf(await readContents(layout, now));
  const bytes = items.reduce((sum, { size }) => sum + size, 0);
  const leftovers = await listLeftovers(layout, now);
  const strangers = (await auditCacheNames(layout)).map(({ path }) => path);
  const facts = { directory, items: items.length, bytes, leftovers, strangers };
  const text = `${directory} can be written; ${items.length} items, ${Math.ceil(bytes / 1e6)} MB`;
  const usable = finding({ ...COMMON, state: 'ok', text, facts });
  return [usable, ...oddities(leftovers, strangers)];
}

function oddities(leftovers: readonly string[], strangers: readonly string[]): readonly Finding[] {
  const left = finding({
    ...{ ...COMMON, state: 'note', text: `killed processes left ${leftovers.length} files` },
    remedy: '"toolcrib cache gc" removes them',
  });
  const foreign = finding({
    ...{ ...COMMON, state: 'warning', text: `toolcrib did not put this there: ${strangers.slice(0, 3).join(', ')}` },
    remedy: '"toolcrib cache verify" lists all of it',
  });
  return [...(leftovers.length === 0 ? [] : [left]), ...(strangers.length === 0 ? [] : [foreign])];
}

async function roomFindings(directory: string): Promise<readonly Finding[]> {
  const { bavail, bsize } = await statfs(await nearestThere(directory));
  const bytes = bavail * bsize;
  const text = `${Math.floor(bytes / 1e6)} MB are free`;
  const facts = { freeBytes: bytes };
  if (bytes >= LITTLE_ROOM) return [finding({ ...COMMON, subject: 'room', state: 'ok', text, facts })];
  const remedy = 'make room: "toolcrib cache gc --max-bytes SIZE"';
  return [finding({ ...COMMON, subject: 'room', state: 'warning', text: `only ${text}`, remedy, facts })];
}
