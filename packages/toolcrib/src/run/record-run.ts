import { stat } from 'node:fs/promises';
import { InterruptedError, isSystemError, UsageError, type ToolcribError } from '../core/errors.ts';
import type { ProcessFate, SpawnError } from './child-process.ts';
import { UNKNOWN_AUTHORSHIP } from './ingest/log-author.ts';
import { inheritedRights, watchLog, type LogJudge } from './ingest/watch-log.ts';
import type { RunLogs } from './ingest-logs.ts';
import type { CaptureTier } from './observe/observer.ts';
import type { RedactionKey } from './redaction/key.ts';
import { createRedactor, type RedactionMode } from './redaction/redactor.ts';
import { secretRuleIn } from './redaction/secret-shapes.ts';
import type { PlacementFacts } from './reports/injection-record.ts';
import { runCommand, type CommandRunOptions } from './run-command.ts';
import { verifyRunSpec, type RunSpec } from './run-spec.ts';

export interface RecordRunOptions extends CommandRunOptions {
  readonly redactionKey: RedactionKey;
  readonly redactionMode?: RedactionMode;
  readonly logs?: RunLogs;
  /** What whoever records changed for the command, beside what an observer changes, one sentence each. */
  readonly perturbations?: readonly string[];
  /** The sandbox that the command runs in, told when it is over. Default: there is none. */
  readonly injection?: () => PlacementFacts;
}

/** What became of a run. */
export interface RunOutcome {
  readonly spec: RunSpec;
  /** Null when a signal ended it, or nothing was started. */
  readonly exitCode: number | null;
  /** Number of the signal that ended it. */
  readonly signal: number | null;
  /** The exit code is 0. A command that its timeout ended may still have chosen 0: look at `timedOut`. */
  readonly success: boolean;
  /** What became of a command whose end nobody told, because who was to tell it was killed. */
  readonly fate?: ProcessFate;
  readonly spawnError: SpawnError | null;
  readonly timedOut: boolean;
  readonly tier: CaptureTier;
  /** What was wrong with the logs that were to become layers; each is recorded as absent. */
  readonly logFailures: readonly ToolcribError[];
}

/**
 * Runs a command and records it: start and end, what an observer saw of the kernel, what logs say. A command that cannot
 * be started is recorded too. Without an observer it ends when the command ends; with one when its last descendant is
 * gone or the observer's drain limit is over.
 *
 * `timeoutMs` ends the command with its session: TERM, then KILL. Such a command runs in a session of its own, without a
 * controlling terminal. What left the session is ended where an observer knows it; unwatched, it lives on. An abort ends the
 * command in the same way, or it alone where it has no session of its own, and what was recorded is kept.
 * @throws UsageError `RUN_SPEC_INVALID`; `USAGE` when the working directory is none; SandboxError `NOT_OBSERVABLE` when
 * the observer that was asked for cannot observe; InterruptedError when the signal was aborted before the start. Nothing
 * was started then.
 */
export async function recordRun(options: RecordRunOptions): Promise<RunOutcome> {
  const { spec, draft, logs = {}, perturbations = [] } = options;
  verifyRunSpec(spec);
  verifyRunIdIsNoSecret(spec);
  await verifyDirectory(options.cwd);
  if (options.signal?.aborted === true) throw new InterruptedError('interrupted before the command was started');
  const redactor = createRedactor(options.redactionKey, options.redactionMode);
  const policyAuthor = await watchPolicyLog(options);
  const run = await runCommand(options, redactor);
  const { writeEvidence } = await import('./evidence.ts');
  const remains = { run, logs, policyAuthor, perturbations, injection: options.injection?.() };
  const { failures: logFailures } = await writeEvidence({ spec, draft, redactor }, remains);
  const { end, spawnError, timedOut, tier } = run;
  return { spec, ...end, success: end.exitCode === 0, spawnError, timedOut, tier, logFailures };
}

/** What the command may have written counts as its own word: who may write is looked at before it starts, and after. */
async function watchPolicyLog({ logs, stdio, injection }: RecordRunOptions): Promise<LogJudge | undefined> {
  if (logs?.policy === undefined) return undefined;
  // Who can write what from within a sandbox is not told by the rights of this process.
  if (injection !== undefined) return () => Promise.resolve(UNKNOWN_AUTHORSHIP);
  return await watchLog(logs.policy, await inheritedRights(stdio === 'inherit' ? undefined : stdio));
}

/** It stands everywhere in the archive and cannot be redacted. */
function verifyRunIdIsNoSecret(spec: RunSpec): void {
  const rule = secretRuleIn(spec.run_id);
  if (rule === undefined) return;
  throw new UsageError('RUN_SPEC_INVALID', `run_id is shaped like a secret (${rule})`, {
    hint: 'choose another run id',
  });
}

async function verifyDirectory(path: string): Promise<void> {
  try {
    if ((await stat(path)).isDirectory()) return;
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES')) throw error;
  }
  throw new UsageError('USAGE', `the working directory ${path} is no directory that can be used`, {
    details: { path },
  });
}
