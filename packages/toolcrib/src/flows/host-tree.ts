import { layoutOf } from '../cache/layout.ts';
import { treesOfArtifact } from '../cache/trees.ts';
import { RemoteError } from '../core/errors.ts';
import type { InjectableArtifact } from '../inject/artifact.ts';
import type { HostTree, ProvidedTree } from '../inject/host-tree.ts';
import { ensureSafeDirectory, stateOfTree, weaknessOfPlace } from '../inject/tree-on-host.ts';
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
  const treeAt = (path: string, state: string): ProvidedTree => {
    let verified: Promise<string | undefined> | undefined;
    const verify = async () => {
      const reason = await verifyTree(artifact, path, host);
      if (reason !== undefined) wrong.add(path);
      return reason;
    };
    return { path, state, verify: () => (verified ??= verify()) };
  };
  const find = async (parent: string): Promise<ProvidedTree | undefined> => {
    for (const path of await treesIn(artifact, parent)) {
      const isKept = !wrong.has(path) && (await cache.useTree(digest, path, { signal }));
      const state = isKept ? await stateOfTree(path) : undefined;
      if (state !== undefined) return treeAt(path, state);
    }
    return undefined;
  };
  const make = async (parent: string): Promise<ProvidedTree> => {
    const path = newTreePath(artifact, parent, host);
    await writeTree(artifact, path, host, { isDurable: false });
    const state = await stateOfTree(path);
    if (state !== undefined) return treeAt(path, state);
    throw new RemoteError('STORAGE', `${path} was taken away meanwhile`, { details: { path } });
  };
  const look = async (): Promise<ProvidedTree> => {
    const parent = await ensureSafeDirectory(treesOfArtifact(layoutOf(host.cacheDirectory), digest));
    const found = await find(parent);
    if (found !== undefined) return found;
    const work = async () => (await find(parent)) ?? (await make(parent));
    return await cache.withLock(digest, work, { signal });
  };
  const isUsable = async ({ path, state }: ProvidedTree) => !wrong.has(path) && (await stateOfTree(path)) === state;
  let provided: Promise<ProvidedTree> | undefined;
  return {
    ...treesOf(host),
    async provide() {
      const before = provided;
      const known = await before?.catch(() => undefined);
      if (known !== undefined && (await isUsable(known))) return known;
      if (provided === before) provided = look();
      return await (provided ?? look());
    },
  };
}
