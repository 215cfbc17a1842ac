import type { Sums } from '../core/sums.ts';
import type { MergeBase } from './choose-base.ts';
import { decideBuild, type BuildDecision } from './decide-build.ts';
import { inspectStore, readClaim, storeSkipped, type CheckedStore } from './inspect-store.ts';
import { judgeSums, readPins, type SumsJudgement } from './judge-sums.ts';
import { judgeVersion } from './judge-version.ts';
import { readMergeFacts, type FactSources, type MergeFacts } from './merge-facts.ts';
import { askWithin, PATIENCE_MS } from './patience.ts';
import { findRequiredVersion, type RequiredVersion, type StoreClaim } from './required-version.ts';
import type { Notice } from './watched-settings.ts';
import { ruleResult, type RuleResult } from './rule.ts';

/** What is checked, and with what. */
export interface CheckRequest extends FactSources {
  /** In the order of the configuration. None when {@link CheckRequest.offline}. */
  readonly stores: readonly CheckedStore[];
  /** True: no store is asked. */
  readonly offline: boolean;
  readonly signal: AbortSignal | undefined;
}

/** What the merge gate found. */
export interface CheckReport {
  readonly tool: string;
  readonly base: MergeBase & { /** What the change began with. */ readonly version: number | null };
  readonly head: {
    readonly commit: string;
    /** True when something that the gate looks at is not committed. */
    readonly uncommitted: boolean;
    /** Null when the version file holds none. */
    readonly version: number | null;
  };
  /** True when anything that ships differs from what the change began with. */
  readonly changed: boolean;
  readonly requiredVersion: number;
  /** In order: sources, version, sums, each store. */
  readonly rules: readonly RuleResult[];
  /** What a reviewer should look at; it does not close the gate. */
  readonly notices: readonly Notice[];
  readonly verdict: 'ok' | 'failed';
  readonly build: BuildDecision;
}

/** A report with the facts it came from: what mending needs. */
export interface CheckOutcome {
  readonly report: CheckReport;
  readonly facts: MergeFacts;
}

/**
 * Judges a change by every rule of the merge gate, also when an earlier one failed.
 * @throws UsageError `CONFIG_INVALID` for pathspecs that git cannot read; CheckError `CHECK_FAILED` when no version is
 * free; RemoteError `STORAGE`; the signal's reason.
 */
export async function checkMerge(request: CheckRequest): Promise<CheckOutcome> {
  return await askWithin(PATIENCE_MS, request.stores, (stores) => judge({ ...request, stores }));
}

async function judge(request: CheckRequest): Promise<CheckOutcome> {
  const { config, base, head } = request;
  const facts = await readMergeFacts(request);
  const changed = isChanged(facts);
  const required = await requiredVersion(request, facts, changed);
  const version = judgeVersion({
    file: facts.names.version,
    head: facts.version.head,
    base: facts.version.base,
    changed,
    required,
  });
  const sums = sumsJudgement(request, facts, required);
  const stores = await judgeStores(request, required.version, sums.pins);
  const rules = [sourcesResult(facts), version, sums.result, ...stores];
  const build = decideBuild({
    version: required.version,
    changed,
    versionIsRight: version.outcome === 'ok',
    sumsAreRight: sums.result.outcome === 'ok',
    storesHoldIt: config.stores.length > 0 && stores.every(({ outcome }) => outcome === 'ok'),
    freshness: facts.sums.freshness,
  });
  const report: CheckReport = {
    tool: config.tool,
    base: { ...base, version: facts.version.base?.version ?? null },
    head: { commit: head, uncommitted: facts.uncommitted, version: headVersion(facts) ?? null },
    changed,
    requiredVersion: required.version,
    rules,
    notices: facts.notices,
    verdict: rules.some(({ outcome }) => outcome === 'failed') ? 'failed' : 'ok',
    build,
  };
  return { report, facts };
}

function isChanged({ isNew, changedPaths, changedSettings }: MergeFacts): boolean {
  return isNew || changedPaths.length > 0 || changedSettings.length > 0;
}

function headVersion({ version }: MergeFacts): number | undefined {
  return 'version' in version.head ? version.head.version : undefined;
}

async function requiredVersion(request: CheckRequest, facts: MergeFacts, changed: boolean): Promise<RequiredVersion> {
  const { base, tip = 0 } = facts.version;
  if (base !== undefined && !changed) return { version: base.version, taken: [], unasked: [] };
  // A project that comes along with a history of its own goes on with it.
  const above = base === undefined ? (headVersion(facts) ?? 1) - 1 : Math.max(base.version, tip);
  return await findRequiredVersion(
    above,
    (version) => pinsThatCount(request, facts, version),
    (version) => claimsOf(request, version),
  );
}

/** Pins of older sources do not make a published version ours. */
function pinsThatCount({ config }: CheckRequest, { sums, names }: MergeFacts, version: number): Sums | undefined {
  if (sums.head.text === undefined || sums.freshness.kind === 'stale') return undefined;
  const pins = readPins(sums.head.text, names.sums, { tool: config.tool, targets: config.targets, version });
  return typeof pins === 'string' ? undefined : pins;
}

async function claimsOf({ config, stores, signal }: CheckRequest, version: number): Promise<readonly StoreClaim[]> {
  const { tool } = config;
  return await Promise.all(
    stores.map(async (store) => ({
      store: store.reference,
      claim: await readClaim(store, { tool, version }, { signal }),
    })),
  );
}

function sumsJudgement({ config }: CheckRequest, facts: MergeFacts, required: RequiredVersion): SumsJudgement {
  const { sums, names, version } = facts;
  return judgeSums({
    file: names.sums,
    head: sums.head.text,
    problem: sums.head.problem,
    base: sums.base,
    shape: { tool: config.tool, targets: config.targets, version: required.version },
    bumped: required.version !== version.base?.version,
    freshness: sums.freshness,
  });
}

async function judgeStores(
  request: CheckRequest,
  version: number,
  pins: Sums | undefined,
): Promise<readonly RuleResult[]> {
  const { config, stores, offline, signal } = request;
  if (config.stores.length === 0) return [storeSkipped(null, 'no store is configured')];
  const skipped = (why: string): readonly RuleResult[] => config.stores.map(({ url }) => storeSkipped(url, why));
  if (offline) return skipped('no store is asked offline: nobody knows whether the release is there');
  if (pins === undefined) return skipped(`nothing is pinned for v${version} that a store could be compared with`);
  const id = { tool: config.tool, version };
  return await Promise.all(stores.map((store) => inspectStore(store, id, pins, { signal })));
}

/** So many paths are named, the rest is counted. */
const SHOWN = 5;

function sourcesResult({ isNew, changedPaths, changedSettings }: MergeFacts): RuleResult {
  if (isNew) return ruleResult('sources', 'ok', 'the base has no version yet: everything is new');
  const said = [
    ...(changedPaths.length === 0 ? [] : [describePaths(changedPaths)]),
    ...(changedSettings.length === 0 ? [] : [`toolcrib.json: ${changedSettings.join(', ')}`]),
  ];
  const message = said.length === 0 ? 'nothing that ships changed' : `what ships changed: ${said.join('; ')}`;
  return ruleResult('sources', 'ok', message);
}

function describePaths(changed: MergeFacts['changedPaths']): string {
  const named = changed.slice(0, SHOWN).map(({ path, kind }) => (kind === 'modified' ? path : `${path} (${kind})`));
  const rest = changed.length - named.length;
  return rest === 0 ? named.join(', ') : `${named.join(', ')} and ${rest} more`;
}
