import { readFile, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Cache } from '../cache/cache.ts';
import { layoutOf } from '../cache/layout.ts';
import { treesOfArtifact } from '../cache/trees.ts';
import { messageOf, RemoteError } from '../core/errors.ts';
import { mountAbove, mountLinesFrom } from '../core/mount-table.ts';
import { nearestThere, verifyWritable } from '../disk/writable-directory.ts';
import type { InjectableArtifact } from '../inject/artifact.ts';
import type { HostTree, MountedTree, ProvidedTree } from '../inject/host-tree.ts';
import { ensureSafeDirectory, stateOfTree, weaknessOfPlace, whyNotEmpty } from '../inject/tree-on-host.ts';
import type { Host } from './host.ts';
import { cacheOf } from './resolve-artifact.ts';
import { newTreePath, treesIn, verifyTree, writeTree } from './stored-tree.ts';

/** Where trees are kept that running sandboxes have mounted, before any artifact is known. */
export function treesOf(host: Host): Pick<HostTree, 'refusal'> {
  const { trees, empty } = layoutOf(host.cacheDirectory);
  return {
    refusal: async () => (await weaknessOfPlace(trees)) ?? (await whyUnfit(trees)) ?? (await whyNotEmpty(empty)),
  };
}

/**
 * The tree of an artifact in the cache, the same one as long as nobody touches it. Who uses it holds a lease of the artifact, so that no
 * collection takes it away.
 */
export function hostTreeOf(artifact: InjectableArtifact, host: Host): HostTree {
  const wanted: WantedTree = { artifact, host, wrong: new Set() };
  let latest: Promise<ProvidedTree> | undefined;
  return {
    ...treesOf(host),
    async provide() {
      const before = latest;
      const known = await before?.catch(() => undefined);
      if (known !== undefined && (await isUsable(wanted, known))) return known;
      if (latest === before) latest = provide(wanted);
      return await (latest ?? provide(wanted));
    },
  };
}

interface WantedTree {
  readonly artifact: InjectableArtifact;
  readonly host: Host;
  /** Paths of those that were found wrong. */
  readonly wrong: Set<string>;
}

type KeptTree = Omit<MountedTree, 'empty'>;

async function isUsable({ wrong }: WantedTree, { path, state }: KeptTree): Promise<boolean> {
  return !wrong.has(path) && (await stateOfTree(path)) === state;
}

async function provide(wanted: WantedTree): Promise<ProvidedTree> {
  const { artifact, host } = wanted;
  const { digest } = artifact;
  const layout = layoutOf(host.cacheDirectory);
  const parent = await ensureSafeDirectory(treesOfArtifact(layout, digest));
  const base = dirname(parent);
  const empty = await ensureEmpty(layout.empty);
  const cache = cacheOf(host);
  const look = () => find(wanted, cache, parent);
  const make = async () => (await look()) ?? (await write(wanted, parent));
  const tree = (await look()) ?? (await cache.withLock(digest, make, { signal: host.signal }));
  let verified: Promise<string | undefined> | undefined;
  return { ...tree, base, empty, verify: () => (verified ??= verify(wanted, tree)) };
}

async function find(
  { artifact, host, wrong }: WantedTree,
  cache: Cache,
  parent: string,
): Promise<KeptTree | undefined> {
  for (const path of await treesIn(artifact, parent)) {
    const isKept = !wrong.has(path) && (await cache.useTree(artifact.digest, path, { signal: host.signal }));
    const state = isKept ? await stateOfTree(path) : undefined;
    if (state !== undefined) return { path, state };
  }
  return undefined;
}

async function write({ artifact, host }: WantedTree, parent: string): Promise<KeptTree> {
  const path = newTreePath(artifact, parent, host);
  await writeTree(artifact, path, host, { isDurable: false });
  const state = await stateOfTree(path);
  if (state !== undefined) return { path, state };
  throw new RemoteError('STORAGE', `${path} was taken away meanwhile`, { details: { path } });
}

async function verify({ artifact, host, wrong }: WantedTree, { path }: KeptTree): Promise<string | undefined> {
  const reason = await verifyTree(artifact, path, host, 'toolcrib cache verify --repair removes it');
  if (reason !== undefined) wrong.add(path);
  return reason;
}

async function ensureEmpty(directory: string): Promise<string> {
  const path = await ensureSafeDirectory(directory);
  const reason = await whyNotEmpty(path);
  if (reason === undefined) return path;
  throw new RemoteError('STORAGE', reason, {
    hint: 'remove what was put there: sandboxes would see it in their tools',
    details: { path },
  });
}

/** What is there already can be mounted from a cache that is read-only, too. */
async function whyUnfit(trees: string): Promise<string | undefined> {
  const nearest = await nearestThere(trees);
  const lines = mountLinesFrom(await readFile('/proc/self/mountinfo', 'latin1').catch(() => ''));
  if (mountAbove(lines, await realpath(nearest))?.isExecutable === false) {
    return `${trees} of this host is on a file system that is mounted noexec`;
  }
  return nearest === trees ? undefined : await verifyWritable(trees).then(() => undefined, messageOf);
}
