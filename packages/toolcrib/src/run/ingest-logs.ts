import type { BigIntStats } from 'node:fs';
import { ToolcribError } from '../core/errors.ts';
import { POLICY_PATH, SDK_PATH } from './archive/paths.ts';
import type { ArchiveDraft } from './archive/write.ts';
import { SDK_LOG_AUTHORSHIP, UNKNOWN_AUTHORSHIP } from './ingest/log-author.ts';
import { ingestPolicyLog, policyCaptureNote } from './ingest/policy-log.ts';
import { ingestSdkLog, sdkCaptureNote } from './ingest/sdk-log.ts';
import type { LogJudge } from './ingest/watch-log.ts';
import { formatPolicyEvent } from './layers/policy-event.ts';
import { formatSdkEvent } from './layers/sdk-event.ts';
import type { Redactor } from './redaction/redactor.ts';
import type { CaptureRecord } from './reports/capture-record.ts';
import type { SurfaceBuilder } from './reports/capability-surface.ts';
import type { RunSpec } from './run-spec.ts';

/** Logs of others that become layers when the run is over. Paths are absolute. */
export interface RunLogs {
  /** The decision log of a gate. */
  readonly policy?: string | undefined;
  /** What the agent's SDK tells of itself. */
  readonly sdk?: { readonly path: string; readonly mayBeEmpty: boolean } | undefined;
}

/** What the logs said, as far as other members need it. */
export interface IngestedLogs {
  readonly decisions: readonly { readonly toolCallId: string; readonly decision: string }[];
  readonly sdkEvents: number;
  readonly sdkToolCalls: ReadonlySet<string>;
  /** For observation health. */
  readonly notes: readonly string[];
  /** Who may have written the logs that became layers. */
  readonly authors: CaptureRecord['logs'];
  /** What was wrong with a log: it is no layer then, and the run is recorded without. */
  readonly failures: readonly ToolcribError[];
}

/** What the layers go into. */
export interface LogTargets {
  readonly spec: RunSpec;
  readonly redactor: Redactor;
  readonly draft: ArchiveDraft;
  readonly surface: SurfaceBuilder;
  /** Judges the policy log, when it has been read. */
  readonly policyAuthor: LogJudge | undefined;
}

/** Reads the logs of a run that is over: the policy log, then the SDK's, as layers are applied. */
export async function ingestLogs(logs: RunLogs, targets: LogTargets): Promise<IngestedLogs> {
  targets.draft.member(POLICY_PATH);
  targets.draft.member(SDK_PATH);
  const failures: ToolcribError[] = [];
  const orFailure = async <T>(reading: Promise<T>, none: T): Promise<T> =>
    await reading.catch((error: unknown) => {
      if (!(error instanceof ToolcribError)) throw error;
      failures.push(error);
      return none;
    });
  const policy = await orFailure(ingestPolicy(logs.policy, targets), NO_POLICY);
  const sdk = await orFailure(ingestSdk(logs.sdk, targets), NO_SDK);
  const notes = [...policy.notes, ...sdk.notes];
  return { ...policy, ...sdk, notes, authors: [...policy.authors, ...sdk.authors], failures };
}

type PolicyLayer = Pick<IngestedLogs, 'decisions' | 'notes' | 'authors'>;
type SdkLayer = Pick<IngestedLogs, 'sdkEvents' | 'sdkToolCalls' | 'notes' | 'authors'>;

const NO_POLICY: PolicyLayer = { decisions: [], notes: [], authors: [] };
const NO_SDK: SdkLayer = { sdkEvents: 0, sdkToolCalls: new Set(), notes: [], authors: [] };

/** A log counts as a whole or not at all, so its events are gathered first; their number and size are capped. */
async function ingestPolicy(path: string | undefined, targets: LogTargets): Promise<PolicyLayer> {
  if (path === undefined) return NO_POLICY;
  const { spec, redactor, draft, surface, policyAuthor } = targets;
  const sights: BigIntStats[] = [];
  const onSight = (stats: BigIntStats): void => void sights.push(stats);
  const events = await gathered(ingestPolicyLog(path, { runId: spec.run_id, redactor, onSight }));
  for (const event of events) {
    draft.member(POLICY_PATH).append(`${formatPolicyEvent(event)}\n`);
    surface.addDecision(event.tool, event.decision);
  }
  const decisions = events.map(({ tool_call_id: toolCallId, decision }) => ({ toolCallId, decision }));
  const author = (await policyAuthor?.(sights)) ?? UNKNOWN_AUTHORSHIP;
  const because = author.because.map((reason) => redactor.text('capture', reason));
  const authors = [{ layer: 'policy' as const, ...author, because }];
  return { decisions, notes: [policyCaptureNote(events.length)], authors };
}

async function ingestSdk(log: RunLogs['sdk'], targets: LogTargets): Promise<SdkLayer> {
  if (log === undefined) return NO_SDK;
  const { spec, redactor, draft } = targets;
  const { mayBeEmpty } = log;
  const options = { runId: spec.run_id, redactor, agentShim: spec.agent_shim, mayBeEmpty };
  const events = await gathered(ingestSdkLog(log.path, options));
  if (events.length === 0) return NO_SDK;
  for (const event of events) draft.member(SDK_PATH).append(`${formatSdkEvent(event)}\n`);
  const sdkToolCalls = new Set(events.flatMap(({ tool_call_id: id }) => id ?? []));
  const authors = [{ layer: 'sdk' as const, ...SDK_LOG_AUTHORSHIP, because: [...SDK_LOG_AUTHORSHIP.because] }];
  const notes = [sdkCaptureNote(events.length, sdkToolCalls.size)];
  return { sdkEvents: events.length, sdkToolCalls, notes, authors };
}

async function gathered<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
