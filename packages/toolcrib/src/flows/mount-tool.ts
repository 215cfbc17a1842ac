import { resolve } from 'node:path';
import { layoutOf } from '../cache/layout.ts';
import type { ToolPins } from '../config/config.ts';
import { digestHex, type Digest } from '../core/digest.ts';
import { IntegrityError, UsageError } from '../core/errors.ts';
import { archFrom, formatTarget, parseTarget, type Target } from '../core/target.ts';
import type { InjectableArtifact } from '../inject/artifact.ts';
import { mountPathOf } from '../inject/mounted-path.ts';
import { ensureSafeDirectory, examineTree, namesIn } from '../inject/tree-on-host.ts';
import type { EngineScheme } from '../sandboxes/docker/engine.ts';
import type { Host } from './host.ts';
import { injectable } from './inject-tool.ts';
import type { Project } from './project.ts';
import { cacheOf, targetOfHost } from './resolve-artifact.ts';
import { newTreePath, treesIn, verifyTree, writeTree } from './stored-tree.ts';
import { chooseFrom, openSource, type Dialogue } from './tool-source.ts';

/** Which artifact, and where its tree is kept. */
export interface MountOptions extends Dialogue {
  /** In its written form; default: the one of this machine's architecture that needs nothing of a sandbox, else this machine's. */
  readonly target?: string | undefined;
  /** A directory of this host; default: one of the cache. */
  readonly directory?: string | undefined;
  /** In place of a directory: a volume of an engine on this host, made when it is not there. */
  readonly volume?: string | undefined;
  /** Whose volume; default: `docker`. */
  readonly engine?: EngineScheme | undefined;
}

/** The source of a mount on this host. */
export type MountSource =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'volume'; readonly name: string; readonly path: string };

/** A verified tree on this host, and where sandboxes are to have it. */
export interface MountedTool {
  readonly tool: string;
  readonly version: number;
  /** In its written form. */
  readonly target: string;
  readonly digest: Digest;
  readonly source: MountSource;
  /** Where it is to be mounted, a path of the sandbox. */
  readonly path: string;
  /** True when the tree was there already, and every byte of it is right. */
  readonly reused: boolean;
}

/**
 * Places the verified tree of a project's tool on this host, for sandboxes that are yet to be made with a read-only mount of it.
 * A tree that is there is used again when each of its files has the bytes that it should have; one that was changed is left where
 * it is, for who has it mounted, and another one is made.
 * @throws what `resolve/resolve-artifact.ts` and `flows/install-state.ts` say; UsageError `USAGE` also where root would write into
 * another user's directory, `TARGET_INVALID`;
 * IntegrityError `DIGEST_MISMATCH` when a volume has other files; RemoteError `STORAGE`, `UNREACHABLE`, `REMOTE_REFUSED`.
 */
export async function mountTool(project: Project, host: Host, options: MountOptions = {}): Promise<MountedTool> {
  const source = await openSource(project, host, options);
  const { target: written } = options;
  const chosen = await chooseFrom(source, written === undefined ? targetFor(source.pins) : parseTarget(written));
  await using _lease = await cacheOf(host).lease(chosen.digest);
  const artifact = injectable(source.pins, chosen, (await source.unpack(chosen)).unpacked);
  const { tool, version, digest } = artifact;
  const place = () => placeTree(artifact, host, options);
  const placed = await cacheOf(host).withLock(digest, place, { signal: host.signal });
  return { tool, version, target: formatTarget(chosen.target), digest, ...placed, path: mountPathOf(artifact) };
}

/** Nothing is known of the sandbox, so the best is what needs nothing of it. */
function targetFor(pins: ToolPins): Target {
  const any = pins.targets.find(({ arch, libc }) => libc === 'any' && arch === archFrom(process.arch));
  return any ?? targetOfHost(pins);
}

type Placed = Pick<MountedTool, 'source' | 'reused'>;

async function placeTree(artifact: InjectableArtifact, host: Host, options: MountOptions): Promise<Placed> {
  if (options.volume !== undefined) return await fillVolume(artifact, host, options.volume, options.engine);
  const { directory } = options;
  const asked = directory === undefined ? layoutOf(host.cacheDirectory).mounts : resolve(host.cwd, directory);
  const parent = await ensureSafeDirectory(asked);
  verifyPlain(parent);
  const found = await findTree(artifact, parent, host);
  if (found !== undefined) return { source: { kind: 'directory', path: found }, reused: true };
  const path = newTreePath(artifact, parent, host);
  await writeTree(artifact, path, host);
  return { source: { kind: 'directory', path }, reused: false };
}

/** Such a path means the same in options, in YAML and in a shell. */
function verifyPlain(path: string): void {
  if (/^\/[\w./@+-]*$/.test(path)) return;
  throw new UsageError('USAGE', `${path} cannot be written in options of engines without quotes`, {
    hint: 'name a directory with --directory whose path has only letters, digits and ./_@+-',
  });
}

async function findTree(artifact: InjectableArtifact, parent: string, host: Host): Promise<string | undefined> {
  for (const path of await treesIn(artifact, parent)) {
    const hint = 'make sandboxes anew that have it mounted, and remove it';
    if ((await verifyTree(artifact, path, host, hint)) === undefined) return path;
  }
  return undefined;
}

/** Through its directory on this host: no container has to be made for that, and no image to be there. */
async function fillVolume(
  artifact: InjectableArtifact,
  host: Host,
  name: string,
  scheme: EngineScheme = 'docker',
): Promise<Placed> {
  const { openLocalVolume } = await import('../sandboxes/docker/local-volume.ts');
  const { mountpoint } = await openLocalVolume(name, { scheme, env: host.env, offline: host.offline });
  const source: MountSource = { kind: 'volume', name, path: mountpoint };
  const isEmpty = (await namesIn(mountpoint)).length === 0;
  if (isEmpty) await writeTree(artifact, mountpoint, host);
  // Also what was written just now: sandboxes that have the volume may have changed it since.
  const wrong = await examineTree(artifact, mountpoint, host.signal);
  if (wrong === undefined) return { source, reused: !isEmpty };
  const what = `${artifact.tool} v${artifact.version} (${digestHex(artifact.digest).slice(0, 12)})`;
  throw new IntegrityError('DIGEST_MISMATCH', `the volume ${name} holds something else than ${what}: ${wrong}`, {
    hint: `name another volume, or remove this one: ${scheme} volume rm ${name}`,
    details: { volume: name, path: mountpoint },
  });
}
