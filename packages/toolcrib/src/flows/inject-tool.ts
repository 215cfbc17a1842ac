import type { PinnedArtifact, ToolPins } from '../config/config.ts';
import { hasCode, IntegrityError, SandboxError } from '../core/errors.ts';
import { pinOf } from '../core/sums.ts';
import { formatTarget, type Arch, type Target } from '../core/target.ts';
import type { InjectableArtifact } from '../inject/artifact.ts';
import { detectSandbox, type SandboxFacts } from '../inject/detect-sandbox.ts';
import { injectTool as inject } from '../inject/inject-tool.ts';
import { createLedger } from '../inject/ledger.ts';
import { mountIn } from '../inject/mounted.ts';
import type { Placement } from '../inject/placement.ts';
import {
  fittingTargets,
  judgeTargets,
  type FittingTargets,
  type JudgedTarget,
  type Surroundings,
} from '../resolve/choose-target.ts';
import type { Resolution } from '../resolve/resolution.ts';
import { pinnedArtifact } from '../resolve/resolve-artifact.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { HeldArtifact } from './held-tar.ts';
import type { Host } from './host.ts';
import { openSandbox } from './open-sandbox.ts';
import type { Project } from './project.ts';
import { cacheOf } from './resolve-artifact.ts';
import {
  chooseFrom,
  openSource,
  type ChosenArtifact,
  type Dialogue,
  type FoundArtifact,
  type ToolSource,
} from './tool-source.ts';

/** A tool in a sandbox, and where its artifact came from. */
export interface InjectedTool {
  readonly placement: Placement;
  /** Null when its verified, unpacked form was in the cache already, so that nothing had to be looked for. */
  readonly resolution: Resolution | null;
}

/** How a tool comes into a sandbox. */
export interface PlacingOptions {
  /** True: always as a copy, which is there after the sandbox was started again, and in images that are made of it. Default: false. */
  readonly copy?: boolean | undefined;
}

/**
 * Resolves a project's tool for a sandbox, places it there and proves that it runs; a placement that is there and still
 * proven is used again. In an edited checkout it is the `-dev` artifact.
 * @param project also one that is still being opened.
 * @throws what `resolve/resolve-artifact.ts`, `flows/install-state.ts` and `inject/inject-tool.ts` say; as
 * {@link openSandbox}.
 */
export async function injectTool(
  project: Project | Promise<Project>,
  host: Host,
  options: { readonly sandbox: string } & PlacingOptions & Dialogue,
): Promise<InjectedTool> {
  const { opened, sandbox } = await openBoth(project, openSandbox(host, options.sandbox));
  try {
    return await injectInto(sandbox, opened, host, options);
  } finally {
    await sandbox.close();
  }
}

/** At once: an engine answers while a configuration is read. What is wrong with that is told first, and at once. */
async function openBoth(
  project: Project | Promise<Project>,
  opening: Promise<Sandbox>,
): Promise<{ readonly opened: Project; readonly sandbox: Sandbox }> {
  opening.catch(() => undefined); // it is thrown below, unless the project fails
  try {
    return { opened: await project, sandbox: await opening };
  } catch (error) {
    void opening.then(
      (sandbox) => sandbox.close(),
      () => undefined,
    );
    throw error;
  }
}

/** As {@link injectTool}, for who has opened the sandbox. */
export async function injectInto(
  sandbox: Sandbox,
  project: Project,
  host: Host,
  options: PlacingOptions & Dialogue = {},
): Promise<InjectedTool> {
  return await injectFrom(await openSource(project, host, options), sandbox, host, options);
}

/** As {@link injectInto}, for who injects from one source into several sandboxes. */
export async function injectFrom(
  source: ToolSource,
  sandbox: Sandbox,
  host: Host,
  { copy = false }: PlacingOptions = {},
): Promise<InjectedTool> {
  const { pins, isEdited } = source;
  const place = (chosen: ChosenArtifact) => injectChosen({ sandbox, host, source, copy }, chosen);
  const mounted = isEdited || copy ? undefined : await mountedIn(sandbox, pins);
  const injected = mounted && (await unlessUnfit(() => place(mounted)));
  if (injected !== undefined) return injected;
  const known = isEdited ? undefined : await placedBefore(sandbox, pins, host.ledgerDirectory);
  if (known !== undefined) return await place(known);
  const [first, ...others] = await targetsFor(sandbox, pins);
  const further = others.filter((target) => isEdited || isPinned(pins, target));
  return await injectFirst([first, ...further], async (target) => place(await chooseFrom(source, target)), host);
}

/** Undefined when a mount has an artifact that this sandbox cannot run. */
async function unlessUnfit(inject: () => Promise<InjectedTool>): Promise<InjectedTool | undefined> {
  try {
    return await inject();
  } catch (error) {
    if (hasCode(error, 'NO_TARGET_FITS')) return undefined;
    throw error;
  }
}

/** The first artifact that the sandbox was made with a mount for: it was chosen by who made the sandbox. */
export async function mountedIn(sandbox: Sandbox, pins: ToolPins): Promise<PinnedArtifact | undefined> {
  const { tool, version, sums } = pins;
  const target = pins.targets.find((each) => {
    const digest = pinOf(sums, { tool, version, target: each, dev: false });
    return digest !== undefined && mountIn(sandbox, { tool, version, digest }) !== undefined;
  });
  return target && (await pinnedArtifact(pins, target));
}

/** The first target that fits by what the sandbox is; the next one when its artifact needs more than there is. */
async function injectFirst(
  [target, ...others]: FittingTargets,
  inject: (target: Target) => Promise<InjectedTool>,
  host: Host,
): Promise<InjectedTool> {
  try {
    return await inject(target);
  } catch (error) {
    const [next, ...rest] = others;
    if (next === undefined || !hasCode(error, 'NO_TARGET_FITS')) throw error;
    const text = `${error.message}: the target ${formatTarget(next)} is taken instead`;
    host.reporter.notice({ kind: 'warning', text });
    return await injectFirst([next, ...rest], inject, host);
  }
}

interface ChosenContext {
  readonly sandbox: Sandbox;
  readonly host: Host;
  readonly source: ToolSource;
  readonly copy: boolean;
}

async function injectChosen(context: ChosenContext, chosen: ChosenArtifact): Promise<InjectedTool> {
  const { host, source } = context;
  await using _lease = await cacheOf(host).lease(chosen.digest); // each way of placing reads the tar again
  const found = await source.unpack(chosen);
  try {
    return await injectUnpacked(context, chosen, found);
  } catch (error) {
    if (!(await isChanged(found, error, host))) throw error;
    await found.unpacked.discard();
    const text = `the unpacked ${chosen.name} was changed in the cache, and is made again`;
    host.reporter.notice({ kind: 'warning', text });
    return await injectUnpacked(context, chosen, await source.unpack(chosen));
  }
}

async function injectUnpacked(
  { sandbox, host, source, copy }: ChosenContext,
  chosen: ChosenArtifact,
  { unpacked, resolution }: FoundArtifact,
): Promise<InjectedTool> {
  const { ledgerDirectory: ledger, clock, random, reporter, signal } = host;
  const artifact = injectable(source.pins, chosen, unpacked);
  const { install } = source.pins;
  const hostTree = copy ? undefined : source.hostTree(artifact);
  const request = { sandbox, artifact, install, ledger, clock, random, reporter, signal };
  return { placement: await inject({ ...request, hostTree, isCopyWanted: copy }), resolution };
}

/** Whether an injection failed for its own side: a sandbox may have other bytes than it was sent, too. */
async function isChanged({ unpacked, isReplaced }: FoundArtifact, error: unknown, { signal }: Host): Promise<boolean> {
  if (!hasCode(error, 'DIGEST_MISMATCH', 'SIZE_MISMATCH', 'MALFORMED')) return false;
  if (isReplaced()) return true;
  try {
    for await (const _ of unpacked.open(signal));
    return false;
  } catch (changed) {
    if (hasCode(changed, 'DIGEST_MISMATCH', 'SIZE_MISMATCH')) return true;
    throw changed;
  }
}

function isPinned({ tool, version, sums }: ToolPins, target: Target): boolean {
  return pinOf(sums, { tool, version, target, dev: false }) !== undefined;
}

/** What the ledger knows to be in this very sandbox: then nothing has to be looked at there to choose it. */
export async function placedBefore(
  sandbox: Sandbox,
  pins: ToolPins,
  directory: string,
): Promise<PinnedArtifact | undefined> {
  const ledger = createLedger(directory);
  const { tool, version, sums } = pins;
  for (const target of pins.targets) {
    const digest = pinOf(sums, { tool, version, target, dev: false });
    if (digest === undefined || (await ledger.find(sandbox.identity, digest)) === undefined) continue;
    return await pinnedArtifact(pins, target);
  }
  return undefined;
}

/** What a sandbox is, and which targets are for such a one. */
export async function judgeTargetsFor(
  sandbox: Sandbox,
  { targets }: ToolPins,
): Promise<{ readonly evidence: readonly string[]; readonly judged: readonly JudgedTarget[] }> {
  const { arch, libc, evidence } = await detectSandbox(sandbox);
  if (arch !== undefined) return { evidence, judged: judgeTargets(targets, surroundingsOf(arch, libc)) };
  const reason = 'the sandbox is for another machine than those of targets';
  return { evidence, judged: targets.map((target) => ({ target, fits: false, reason })) };
}

async function targetsFor(sandbox: Sandbox, pins: ToolPins): Promise<FittingTargets> {
  const { arch, libc, evidence } = await detectSandbox(sandbox);
  if (arch === undefined) throw foreignArchitecture(sandbox, pins.targets, evidence);
  return fittingTargets(pins.targets, surroundingsOf(arch, libc));
}

function surroundingsOf(arch: Arch, libc: SandboxFacts['libc']): Surroundings {
  return { arch, libc: libc === 'none' ? undefined : libc };
}

function foreignArchitecture(sandbox: Sandbox, targets: readonly Target[], evidence: readonly string[]): SandboxError {
  const names = targets.map(formatTarget);
  return new SandboxError('NO_TARGET_FITS', `no target fits ${sandbox.reference}: ${evidence.join(', ')}`, {
    hint: `nothing was sent; there are ${names.join(', ')}`,
    details: { sandbox: sandbox.reference, targets: names, evidence },
  });
}

/** @throws IntegrityError `VERSION_MISMATCH` when an artifact says of itself that it is another one. */
export function injectable(
  pins: ToolPins,
  { digest, target, name }: PinnedArtifact,
  unpacked: HeldArtifact,
): InjectableArtifact {
  const { tool, version } = pins;
  const { descriptor, entries, tarSize, tarDigest, openUnverified, readAt, isVerified = false } = unpacked;
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
      isVerified,
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
