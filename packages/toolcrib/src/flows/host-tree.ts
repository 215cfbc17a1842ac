import { layoutOf } from '../cache/layout.ts';
import { treesOfArtifact } from '../cache/trees.ts';
import { RemoteError } from '../core/errors.ts';
import type { InjectableArtifact } from '../inject/artifact.ts';
import type { HostTree, MountedTree, ProvidedTree } from '../inject/host-tree.ts';
import { ensureSafeDirectory, namesIn, stateOfTree, weaknessOfPlace } from '../inject/tree-on-host.ts';
import type { Host } from './host.ts';
import { cacheOf } from './resolve-artifact.ts';
import { newTreePath, treesIn, verifyTree, writeTree } from './stored-tree.ts';

/** Where trees are kept that running sandboxes have mounted, before any artifact is known. */
export function treesOf(host: Host): Pick<HostTree, 'refusal'> {
  const { trees } = layoutOf(host.cacheDirectory);
  return { refusal: () => weaknessOfPlace(trees) };
}

/**
 * The tree of an artifact in the cache, the same one as long as nobody touches it. Who uses it holds a lease of the artifact, so that no
 * collection takes it away.
 */
export function hostTreeOf(artifact: InjectableArtifact, host: Host): HostTree {
  const { digest } = artifact;
  const { signal } = host;
  const cache = cacheOf(host);
  const wrong = new Set<string>();
  const provided = (tree: MountedTree, empty: string): ProvidedTree => {
    let verified: Promise<string | undefined> | undefined;
    const verify = async () => {
      const reason = await verifyTree(artifact, tree.path, host);
      if (reason !== undefined) wrong.add(tree.path);
      return reason;
    };
    return { ...tree, empty, verify: () => (verified ??= verify()) };
  };
  const find = async (parent: string): Promise<MountedTree | undefined> => {
    for (const path of await treesIn(artifact, parent)) {
      const isKept = !wrong.has(path) && (await cache.useTree(digest, path, { signal }));
      const state = isKept ? await stateOfTree(path) : undefined;
      if (state !== undefined) return { path, state };
    }
    return undefined;
  };
  const make = async (parent: string): Promise<MountedTree> => {
    const path = newTreePath(artifact, parent, host);
    await writeTree(artifact, path, host, { isDurable: false });
    const state = await stateOfTree(path);
    if (state !== undefined) return { path, state };
    throw new RemoteError('STORAGE', `${path} was taken away meanwhile`, { details: { path } });
  };
  const look = async (): Promise<ProvidedTree> => {
    const layout = layoutOf(host.cacheDirectory);
    const parent = await ensureSafeDirectory(treesOfArtifact(layout, digest));
    const empty = await ensureEmpty(layout.empty);
    const found = await find(parent);
    if (found !== undefined) return provided(found, empty);
    const work = async () => (await find(parent)) ?? (await make(parent));
    return provided(await cache.withLock(digest, work, { signal }), empty);
  };
  const isUsable = async ({ path, state }: ProvidedTree) => !wrong.has(path) && (await stateOfTree(path)) === state;
  let latest: Promise<ProvidedTree> | undefined;
  return {
    ...treesOf(host),
    async provide() {
      const before = latest;
      const known = await before?.catch(() => undefined);
      if (known !== undefined && (await isUsable(known))) return known;
      if (latest === before) latest = look();
      return await (latest ?? look());
    },
  };
}

async function ensureEmpty(directory: string): Promise<string> {
  const path = await ensureSafeDirectory(directory);
  if ((await namesIn(path)).length === 0) return path;
  throw new RemoteError('STORAGE', `${path} is not empty`, {
    hint: 'remove what was put there: sandboxes would see it in their tools',
    details: { path },
  });
}
