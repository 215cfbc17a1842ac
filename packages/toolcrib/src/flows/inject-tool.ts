import { join } from 'node:path';
import type { UnpackedArtifact } from '../cache/cache.ts';
import type { PinnedArtifact, ToolPins } from '../config/config.ts';
import { hasCode, IntegrityError, SandboxError } from '../core/errors.ts';
import { pinOf } from '../core/sums.ts';
import { formatTarget, type Target } from '../core/target.ts';
import type { InjectableArtifact } from '../inject/artifact.ts';
import { detectSandbox } from '../inject/detect-sandbox.ts';
import { injectTool as inject } from '../inject/inject-tool.ts';
import { createLedger } from '../inject/ledger.ts';
import type { Placement } from '../inject/placement.ts';
import { chooseTarget } from '../resolve/choose-target.ts';
import type { Resolution } from '../resolve/resolution.ts';
import { asksForTrust, pinnedArtifact } from '../resolve/resolve-artifact.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { Host } from './host.ts';
import { openSandbox } from './open-sandbox.ts';
import type { Project } from './project.ts';
import { readInstalledProject } from './install-state.ts';
import type { BuildDialogue } from './local-builder.ts';
import { cacheOf, resolveInstalled } from './resolve-artifact.ts';

/** A tool in a sandbox, and where its artifact came from. */
export interface InjectedTool {
  readonly placement: Placement;
  /** Null when its verified, unpacked form was in the cache already, so that nothing had to be looked for. */
  readonly resolution: Resolution | null;
}

/** Whom to ask whether what no place has shall be built; default: nobody, and nothing is built. */
interface Dialogue {
  readonly dialogue?: BuildDialogue | undefined;
}

/**
 * Resolves a project's tool for a sandbox, places it there and proves that it runs; a placement that is there and still
 * proven is used again. In an edited checkout it is the `-dev` artifact.
 * @throws what `resolve/resolve-artifact.ts`, `flows/install-state.ts` and `inject/inject-tool.ts` say; as
 * {@link openSandbox}.
 */
export async function injectTool(
  project: Project,
  host: Host,
  options: { readonly sandbox: string } & Dialogue,
): Promise<InjectedTool> {
  const sandbox = await openSandbox(host, options.sandbox);
  try {
    return await injectInto(sandbox, project, host, options);
  } finally {
    await sandbox.close();
  }
}

/** As {@link injectTool}, for who has opened the sandbox. */
export async function injectInto(
  sandbox: Sandbox,
  project: Project,
  host: Host,
  options: Dialogue = {},
): Promise<InjectedTool> {
  const installed = await readInstalledProject(project, host);
  const { pins } = installed;
  const { clock, random, reporter, signal, cacheDirectory } = host;
  const ledger = join(cacheDirectory, 'v1', 'placements');
  const resolve = (target: Target): Promise<Resolution> =>
    resolveInstalled(project, installed, host, { target, dialogue: options.dialogue });
  const chosen =
    installed.install.state === 'edited'
      ? await localBuild(sandbox, pins, resolve)
      : ((await placedBefore(sandbox, pins, ledger)) ?? (await fittingArtifact(sandbox, pins)));
  await using _lease = await cacheOf(host).lease(chosen.digest); // each way of placing reads the tar again
  const { unpacked, resolution } = await unpackedFor(pins, chosen, host, resolve);
  const artifact = injectable(pins, chosen, unpacked);
  const request = { sandbox, artifact, install: pins.install, ledger, clock, random, reporter, signal };
  try {
    return { placement: await inject(request), resolution };
  } catch (error) {
    if (hasCode(error, 'DIGEST_MISMATCH', 'SIZE_MISMATCH', 'MALFORMED')) await unpacked.discard();
    throw error;
  }
}

/** What the ledger knows to be in this very sandbox: then nothing has to be looked at there to choose it. */
async function placedBefore(sandbox: Sandbox, pins: ToolPins, directory: string): Promise<PinnedArtifact | undefined> {
  const ledger = createLedger(directory);
  const { tool, version, sums } = pins;
  for (const target of pins.targets) {
    const digest = pinOf(sums, { tool, version, target, dev: false });
    if (digest === undefined || (await ledger.find(sandbox.identity, digest)) === undefined) continue;
    return await pinnedArtifact(pins, target);
  }
  return undefined;
}

async function fittingArtifact(sandbox: Sandbox, pins: ToolPins): Promise<PinnedArtifact> {
  return await pinnedArtifact(pins, await fittingTarget(sandbox, pins));
}

async function fittingTarget(sandbox: Sandbox, pins: ToolPins): Promise<Target> {
  const { arch, libc, evidence } = await detectSandbox(sandbox);
  if (arch === undefined) throw foreignArchitecture(sandbox, pins.targets, evidence);
  return chooseTarget(pins.targets, { arch, libc: libc === 'none' ? undefined : libc });
}

/** What is injected: pinned, or a local build whose digest was measured. */
type ChosenArtifact = PinnedArtifact & { readonly resolution?: Resolution };

async function localBuild(
  sandbox: Sandbox,
  pins: ToolPins,
  resolve: (target: Target) => Promise<Resolution>,
): Promise<ChosenArtifact> {
  const resolution = await resolve(await fittingTarget(sandbox, pins));
  const { name, target, digest } = resolution;
  return { name, target, digest, resolution };
}

function foreignArchitecture(sandbox: Sandbox, targets: readonly Target[], evidence: readonly string[]): SandboxError {
  const names = targets.map(formatTarget);
  return new SandboxError('NO_TARGET_FITS', `no target fits ${sandbox.reference}: ${evidence.join(', ')}`, {
    hint: `nothing was sent; there are ${names.join(', ')}`,
    details: { sandbox: sandbox.reference, targets: names, evidence },
  });
}

async function unpackedFor(
  pins: ToolPins,
  chosen: ChosenArtifact,
  host: Host,
  resolve: (target: Target) => Promise<Resolution>,
): Promise<{ unpacked: UnpackedArtifact; resolution: Resolution | null }> {
  const cache = cacheOf(host);
  const { tool } = pins;
  const { digest, target } = chosen;
  const mayBeKnown = chosen.resolution !== undefined || !(await asksForTrust(pins));
  const known = mayBeKnown ? await cache.findUnpacked({ digest, tool }) : undefined;
  if (known !== undefined) return { unpacked: known, resolution: chosen.resolution ?? null };
  const resolution = chosen.resolution ?? (await resolve(target));
  const unpacked = await cache.unpacked({ path: resolution.path, digest, tool }, { signal: host.signal });
  return { unpacked, resolution };
}

function injectable(
  pins: ToolPins,
  { digest, target, name }: PinnedArtifact,
  unpacked: UnpackedArtifact,
): InjectableArtifact {
  const { tool, version } = pins;
  const { descriptor, entries, tarSize, tarDigest, openUnverified, readAt } = unpacked;
  if (descriptor !== null) verifyDescriptor(descriptor, { tool, version, target: formatTarget(target) }, name);
  return {
    tool,
    version,
    target,
    digest,
    descriptor: descriptor ?? { entrypoint: pins.entrypoint, healthcheck: pins.healthcheck },
    tar: {
      size: tarSize,
      digest: tarDigest,
      files: entries.filter((entry) => entry.kind === 'file'),
      links: entries.filter((entry) => entry.kind === 'link'),
      open: openUnverified, // injection hashes what it sends
      readAt,
    },
  };
}

interface Subject {
  readonly tool: string;
  readonly version: number;
  readonly target: string;
}

/** @throws IntegrityError `VERSION_MISMATCH` when an artifact says of itself that it is another one. */
function verifyDescriptor(actual: Subject, expected: Subject, name: string): void {
  const say = ({ tool, version, target }: Subject): string => `${tool} v${version} for ${target}`;
  if (say(actual) === say(expected)) return;
  throw new IntegrityError('VERSION_MISMATCH', `${name} says that it is ${say(actual)}, expected ${say(expected)}`, {
    hint: 'the pinned artifact was built as another one: build it again and publish a new version',
    details: { expected: say(expected), actual: say(actual) },
  });
}
