import type { PinnedArtifact, ToolPins } from '../config/config.ts';
import type { Digest } from '../core/digest.ts';
import { formatTarget, type Target } from '../core/target.ts';
import type { InjectableArtifact } from '../inject/artifact.ts';
import type { HostTree } from '../inject/host-tree.ts';
import type { Resolution, ResolutionPlan } from '../resolve/resolution.ts';
import { asksForTrust, pinnedArtifact } from '../resolve/resolve-artifact.ts';
import { holdTar, type HeldArtifact } from './held-tar.ts';
import type { Host } from './host.ts';
import { hostTreeOf } from './host-tree.ts';
import { readInstalledProject } from './install-state.ts';
import type { BuildDialogue } from './local-builder.ts';
import type { Project } from './project.ts';
import { cacheOf, planInstalled, resolveInstalled } from './resolve-artifact.ts';

/** Whom to ask whether what no place has shall be built; default: nobody, and nothing is built. */
export interface Dialogue {
  readonly dialogue?: BuildDialogue | undefined;
}

/** What is injected: pinned, or a local build whose digest was measured. */
export type ChosenArtifact = PinnedArtifact & { readonly resolution?: Resolution };

/** An artifact as it goes into sandboxes, and where it came from when it had to be looked for. */
export interface FoundArtifact {
  readonly unpacked: HeldArtifact;
  readonly resolution: Resolution | null;
  /** Whether another injection found it changed, and it was made again since. */
  readonly isReplaced: () => boolean;
}

/** Where a project's artifacts come from. */
export interface ToolSource {
  readonly pins: ToolPins;
  /** True in an edited checkout: then they are local builds. */
  readonly isEdited: boolean;
  readonly resolve: (target: Target) => Promise<Resolution>;
  /** What `resolve` would do, with nothing downloaded or built. */
  readonly plan: (target: Target) => Promise<ResolutionPlan>;
  /** The plain tar of an artifact: as it was made before, else resolved and unpacked. */
  readonly unpack: (chosen: ChosenArtifact) => Promise<FoundArtifact>;
  /** The tree of an artifact on this host, for sandboxes that can have it mounted. */
  readonly hostTree: (artifact: InjectableArtifact) => HostTree;
}

/** @throws as `flows/install-state.ts`. */
export async function openSource(project: Project, host: Host, { dialogue }: Dialogue = {}): Promise<ToolSource> {
  const installed = await readInstalledProject(project, host);
  const { pins, install } = installed;
  const resolve = (target: Target) => resolveInstalled(project, installed, host, { target, dialogue });
  return {
    pins,
    isEdited: install.state === 'edited',
    resolve,
    plan: (target) => planInstalled(project, installed, host, target),
    unpack: (chosen) => unpack({ pins, host, resolve }, chosen),
    hostTree: (artifact) => hostTreeOf(artifact, host),
  };
}

/**
 * The artifact of a target: by its pin, or in an edited checkout as it was built.
 * @throws as `resolve/resolve-artifact.ts`.
 */
export async function chooseFrom({ pins, isEdited, resolve }: ToolSource, target: Target): Promise<ChosenArtifact> {
  if (!isEdited) return await pinnedArtifact(pins, target);
  const resolution = await resolve(target);
  const { name, digest } = resolution;
  return { name, target, digest, resolution };
}

/**
 * The same source for many sandboxes at once: each artifact is resolved, verified and unpacked once, and one that cannot
 * be had is looked for once. A tar that turned out to be changed is made again, once, too. It is sent from memory; a tree that is
 * mounted is read once.
 */
export function shareSource(source: ToolSource, signal: AbortSignal | undefined): ToolSource {
  const resolutions = new Map<string, Promise<Resolution>>();
  const plans = new Map<string, Promise<ResolutionPlan>>();
  const found = new Map<Digest, Promise<FoundArtifact>>();
  const trees = new Map<Digest, HostTree>();
  const resolve = (target: Target) => once(resolutions, formatTarget(target), () => source.resolve(target));
  return {
    ...source,
    resolve,
    plan: (target) => once(plans, formatTarget(target), () => source.plan(target)),
    unpack: (chosen) => once(found, chosen.digest, () => unpackForAll({ source, signal, found }, chosen)),
    hostTree: (artifact) => {
      const tree = trees.get(artifact.digest) ?? source.hostTree(artifact);
      trees.set(artifact.digest, tree);
      return tree;
    },
  };
}

interface Shared {
  readonly source: ToolSource;
  readonly signal: AbortSignal | undefined;
  readonly found: Map<Digest, Promise<FoundArtifact>>;
}

/** Of several who find the same tar changed, the first makes room for another one; that one is not discarded. */
function unpackForAll({ source, signal, found }: Shared, chosen: ChosenArtifact): Promise<FoundArtifact> {
  const isReplaced = () => found.get(chosen.digest) !== begun;
  const begun = source.unpack(chosen).then(({ unpacked, resolution }): FoundArtifact => {
    const discard = async () => {
      if (isReplaced()) return;
      found.delete(chosen.digest);
      await unpacked.discard();
    };
    return { resolution, unpacked: holdTar({ ...unpacked, discard }, signal), isReplaced };
  });
  return begun;
}

async function once<K, V>(known: Map<K, Promise<V>>, key: K, work: () => Promise<V>): Promise<V> {
  const begun = known.get(key) ?? work();
  known.set(key, begun);
  return await begun;
}

interface Unpacking {
  readonly pins: ToolPins;
  readonly host: Host;
  readonly resolve: (target: Target) => Promise<Resolution>;
}

async function unpack({ pins, host, resolve }: Unpacking, chosen: ChosenArtifact): Promise<FoundArtifact> {
  const cache = cacheOf(host);
  const { tool } = pins;
  const { digest, target } = chosen;
  const mayBeKnown = chosen.resolution !== undefined || !(await asksForTrust(pins));
  const known = mayBeKnown ? await cache.findUnpacked({ digest, tool }) : undefined;
  if (known !== undefined) return { unpacked: known, resolution: chosen.resolution ?? null, isReplaced: never };
  const resolution = chosen.resolution ?? (await resolve(target));
  const unpacked = await cache.unpacked({ path: resolution.path, digest, tool }, { signal: host.signal });
  return { unpacked, resolution, isReplaced: never };
}

const never = () => false;
