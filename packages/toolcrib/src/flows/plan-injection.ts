import type { PinnedArtifact, ToolPins } from '../config/config.ts';
import { formatTarget, type Target } from '../core/target.ts';
import { hasCode, type ErrorCode } from '../core/errors.ts';
import type { InjectableArtifact } from '../inject/artifact.ts';
import { judgeArtifact } from '../inject/elf-gate.ts';
import { createLedger } from '../inject/ledger.ts';
import { verifyLedger } from '../inject/ledger-record.ts';
import { mountPathOf } from '../inject/mounted-path.ts';
import type { PlanStep, Protection } from '../inject/placement.ts';
import { isThere } from '../inject/reuse.ts';
import { planWays } from '../inject/ways.ts';
import type { JudgedTarget } from '../resolve/choose-target.ts';
import type { ResolutionPlan, TierName, TierReport } from '../resolve/resolution.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { Host } from './host.ts';
import { treesOf } from './host-tree.ts';
import { injectable, judgeTargetsFor, mountedIn, placedBefore, type PlacingOptions } from './inject-tool.ts';
import { openSandbox } from './open-sandbox.ts';
import type { Project } from './project.ts';
import { cacheOf } from './resolve-artifact.ts';
import { openSource, type ToolSource } from './tool-source.ts';

/** One target of a project, and whether it would be injected. */
export interface PlannedTarget {
  /** In its written form. */
  readonly target: string;
  /** False when it is not for such a sandbox, surely cannot start there, or is nowhere to be had. */
  readonly usable: boolean;
  /** Why, a sentence without its end. */
  readonly reason: string;
  /** File name of the artifact; null when nothing of it is known. */
  readonly name: string | null;
  readonly digest: string | null;
  /** Where it would come from; null when no place has it. */
  readonly tier: TierName | null;
  /** A path, or the URL that its bytes would really come from. */
  readonly where: string | null;
  /** Of the artifact as it is stored, in bytes; null where nobody told. */
  readonly size: number | null;
  /** Every place in order. */
  readonly trail: readonly TierReport[];
}

/** What `injectTool` would do, and why. */
export interface InjectionPlan {
  /** Reference of the sandbox. */
  readonly sandbox: string;
  /** What architecture and libc were read from. */
  readonly evidence: readonly string[];
  /** The target that would be injected; null when none is usable. */
  readonly target: string | null;
  /** What the ledger knows to be there and would be used again; null when nothing is. */
  readonly placed: { readonly target: string; readonly directory: string; readonly protection: Protection } | null;
  /** Every target of the project, in the order in which they are tried. */
  readonly targets: readonly PlannedTarget[];
  /** Every way into every parent, in the order in which they are tried. */
  readonly ways: readonly PlanStep[];
  /** Whether an injection is to be expected to succeed. */
  readonly possible: boolean;
}

/**
 * Takes the same way as `injectTool`, but downloads nothing, and executes and writes nothing in the sandbox. What an
 * artifact needs is compared only when its bytes are on this machine already.
 * @throws as `injectTool`, but not for what is only one target's failure.
 */
export async function planInjection(
  project: Project,
  host: Host,
  options: { readonly sandbox: string } & PlacingOptions,
): Promise<InjectionPlan> {
  const sandbox = await openSandbox(host, options.sandbox);
  try {
    return await planFrom(await openSource(project, host), sandbox, host, options);
  } finally {
    await sandbox.close();
  }
}

/** As {@link planInjection}, for who plans from one source for several sandboxes. */
export async function planFrom(
  source: ToolSource,
  sandbox: Sandbox,
  host: Host,
  { copy = false }: PlacingOptions = {},
): Promise<InjectionPlan> {
  const { pins } = source;
  const { evidence, judged } = await judgeTargetsFor(sandbox, pins);
  const context = { sandbox, source, host, copy };
  const judgements: Judgement[] = [];
  for (const target of judged) judgements.push(await planTarget(context, target));
  const mounted = source.isEdited || copy ? undefined : await mountedIn(sandbox, pins);
  const first = judgements.find(isUsableAs(mounted)) ?? chosenOf(judgements);
  const hasLinks = (first?.artifact?.tar.links ?? []).length > 0;
  const hostTree = copy ? undefined : treesOf(host);
  const placing = await planWays({ sandbox, install: pins.install, hasLinks, hostTree });
  const ways = [...mountWays(pins, mounted), ...placing];
  const placed = await placedNow(context);
  const possible = placed !== null || (first !== undefined && ways.some(({ usable }) => usable));
  if (possible && placed === null && mounted === undefined) await verifyLedger(host.ledgerDirectory);
  return {
    sandbox: sandbox.reference,
    evidence,
    target: first?.plan.target ?? null,
    placed,
    targets: judgements.map(({ plan }) => plan),
    ways,
    possible,
  };
}

function isUsableAs(mounted: PinnedArtifact | undefined) {
  return ({ outcome, plan }: Judgement) => outcome === 'usable' && plan.digest === mounted?.digest;
}

function mountWays({ tool, version }: ToolPins, mounted: PinnedArtifact | undefined): readonly PlanStep[] {
  if (mounted === undefined) return [];
  const parent = mountPathOf({ tool, version, digest: mounted.digest });
  return [
    { rung: 'mount', parent, usable: true, reason: 'the sandbox was made with it: it would be proven, not copied' },
  ];
}

/** An injection goes on to the next target only when something is missing in the sandbox. */
function chosenOf(judgements: readonly Judgement[]): Judgement | undefined {
  const first = judgements.find(({ outcome }) => outcome !== 'does not fit');
  return first?.outcome === 'usable' ? first : undefined;
}

interface PlanContext {
  readonly sandbox: Sandbox;
  readonly source: ToolSource;
  readonly host: Host;
  readonly copy: boolean;
}

interface Verdict {
  readonly outcome: 'usable' | 'does not fit' | 'not to be had';
  readonly reason: string;
  /** Undefined when its bytes are not on this machine. */
  readonly artifact?: InjectableArtifact;
}

type Judgement = Verdict & { readonly plan: PlannedTarget };

async function planTarget(context: PlanContext, { target, fits, reason }: JudgedTarget): Promise<Judgement> {
  try {
    const found = await context.source.plan(target);
    const verdict = fits ? await judgeFound(context, target, found) : { outcome: 'does not fit' as const, reason };
    return { ...verdict, plan: planned(target, verdict, found) };
  } catch (error) {
    if (!hasCode(error, ...OF_ONE_TARGET)) throw error;
    const verdict = fits
      ? { outcome: 'not to be had' as const, reason: error.message }
      : { outcome: 'does not fit' as const, reason };
    return { ...verdict, plan: planned(target, verdict, undefined) };
  }
}

function planned(target: Target, { outcome, reason }: Verdict, found: ResolutionPlan | undefined): PlannedTarget {
  const { name = null, digest = null, tier = null, where = null, trail = [] } = found ?? {};
  const size = trail.find((report) => report.outcome === 'found')?.size ?? null;
  const usable = outcome === 'usable';
  return { target: formatTarget(target), usable, reason, name, digest, tier, where, size, trail };
}

/** Failures that say nothing of other targets. */
const OF_ONE_TARGET: readonly ErrorCode[] = [
  'NOT_FOUND',
  'NO_ANCHOR',
  'REVOKED',
  'DIGEST_MISMATCH',
  'SIZE_MISMATCH',
  'VERSION_MISMATCH',
  'MALFORMED',
  'TOO_LARGE',
];

async function judgeFound(context: PlanContext, target: Target, found: ResolutionPlan): Promise<Verdict> {
  const { tier, where, digest, name } = found;
  if (tier === null) return { outcome: 'not to be had', reason: 'no place has it' };
  if (where === null || digest === null || (tier !== 'bundled' && tier !== 'cache')) {
    return { outcome: 'usable', reason: 'what it needs is compared when its bytes are on this machine' };
  }
  const { sandbox, source, host } = context;
  const { pins } = source;
  await using _lease = await cacheOf(host).lease(digest);
  const unpacked = await cacheOf(host).unpacked({ path: where, digest, tool: pins.tool }, { signal: host.signal });
  const artifact = injectable(pins, { name, target, digest }, unpacked);
  const { missing, reason } = await judgeArtifact(sandbox, artifact);
  return missing.length === 0
    ? { artifact, outcome: 'usable', reason }
    : { artifact, outcome: 'does not fit', reason: missing.join('; ') };
}

/** As the ledger has it; that nobody changed it since is proven when it is used. */
async function placedNow({ sandbox, source, host, copy }: PlanContext): Promise<InjectionPlan['placed']> {
  if (source.isEdited) return null;
  const known = await placedBefore(sandbox, source.pins, host.ledgerDirectory);
  const entry = known && (await createLedger(host.ledgerDirectory).find(sandbox.identity, known.digest));
  if (known === undefined || entry === undefined || (copy && entry.rung === 'overlay')) return null;
  if (!(await isThere(sandbox, entry))) return null;
  const { directory, protection } = entry;
  return { target: formatTarget(known.target), directory, protection };
}
