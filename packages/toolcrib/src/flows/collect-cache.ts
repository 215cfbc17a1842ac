import type { Collection } from '../cache/cache.ts';
import { layoutOf } from '../cache/layout.ts';
import { removeMounts } from '../cache/mounts.ts';
import { parseByteSize, parseDays, type CacheLimits } from '../core/cache-limits.ts';
import { placementNameFrom } from '../inject/placement-name.ts';
import type { Host } from './host.ts';
import type { Project } from './project.ts';
import { cacheOf } from './resolve-artifact.ts';

export interface CollectCacheOptions extends CacheLimits {
  /** True: removes nothing. */
  readonly dryRun?: boolean;
  /** True: also the trees that sandboxes were made with (`mountTool`), all of them; a collection leaves them otherwise. */
  readonly mounts?: boolean;
}

/** What was taken away of a cache, or would be. */
export interface CollectedCache extends Collection {
  readonly directory: string;
  readonly dryRun: boolean;
  /** The limits that counted; null: not limited. */
  readonly limits: { readonly maxBytes: number | null; readonly maxAgeDays: number | null };
  /** Paths of the trees that sandboxes were made with, as far as they were asked to go. */
  readonly mounts: readonly string[];
  /** Bytes of the files in these trees. */
  readonly mountsBytes: number;
}

const DAY_MS = 24 * 3600 * 1000;

/**
 * Takes away of the cache what was not used for long, and what killed processes left. Of each limit counts the first that
 * is given: by the options, the environment (`TOOLCRIB_CACHE_MAX_BYTES`, `TOOLCRIB_CACHE_MAX_AGE`), the configuration of
 * the project.
 * @throws UsageError `USAGE`, `CONFIG_INVALID`; RemoteError `STORAGE`.
 */
export async function collectCache(
  openProject: () => Promise<Project>,
  host: Host,
  options: CollectCacheOptions = {},
): Promise<CollectedCache> {
  const { dryRun = false } = options;
  const { maxBytes, maxAgeDays } = await limitsFor(openProject, host, options);
  const maxAgeMs = maxAgeDays === undefined ? undefined : maxAgeDays * DAY_MS;
  const collection = await cacheOf(host).collect({ maxBytes, maxAgeMs }, { dryRun, signal: host.signal });
  const trees =
    options.mounts === true
      ? await removeMounts(layoutOf(host.cacheDirectory), { dryRun, isTree })
      : { paths: [], bytes: 0 };
  const limits = { maxBytes: maxBytes ?? null, maxAgeDays: maxAgeDays ?? null };
  return {
    directory: host.cacheDirectory,
    dryRun,
    limits,
    mounts: trees.paths,
    mountsBytes: trees.bytes,
    ...collection,
  };
}

function isTree(name: string): boolean {
  return placementNameFrom(name) !== undefined;
}

/** A configuration that nothing depends on is not read: a broken one keeps nobody from making room. */
async function limitsFor(
  openProject: () => Promise<Project>,
  { env }: Host,
  options: CacheLimits,
): Promise<CacheLimits> {
  const maxBytes = options.maxBytes ?? fromEnvironment(env, 'TOOLCRIB_CACHE_MAX_BYTES', parseByteSize);
  const maxAgeDays = options.maxAgeDays ?? fromEnvironment(env, 'TOOLCRIB_CACHE_MAX_AGE', parseDays);
  if (maxBytes !== undefined && maxAgeDays !== undefined) return { maxBytes, maxAgeDays };
  const configured = (await openProject()).config?.cache ?? {};
  return { maxBytes: maxBytes ?? configured.maxBytes, maxAgeDays: maxAgeDays ?? configured.maxAgeDays };
}

function fromEnvironment(
  env: Host['env'],
  name: string,
  parse: (text: string, what: string) => number,
): number | undefined {
  const text = env[name];
  return text === undefined || text === '' ? undefined : parse(text, name);
}
