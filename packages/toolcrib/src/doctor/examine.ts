import type { Clock } from '../core/clock.ts';
import { combineSignals } from '../core/combined-signal.ts';
import { ToolcribError } from '../core/errors.ts';
import { finding, FINDING_GROUPS, type Finding } from './finding.ts';

/** Something to look at. */
export interface Probe extends Pick<Finding, 'group' | 'subject'> {
  /** What it means when it cannot be looked at. */
  readonly failsAs: Exclude<Finding['state'], 'ok'>;
  /** @param signal ends it when time is up. */
  readonly look: (signal: AbortSignal) => Promise<readonly Finding[]>;
}

export interface ExamineContext {
  readonly clock: Clock;
  /** For each probe, in milliseconds. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks at everything at the same time. None takes longer than its deadline: what does not answer is a finding, too.
 * @returns findings by group, within a group in the order of the probes.
 * @throws the signal's reason; whatever is no {@link ToolcribError}.
 */
export async function examine(probes: readonly Probe[], context: ExamineContext): Promise<readonly Finding[]> {
  return inOrder((await Promise.all(probes.map((probe) => lookAt(probe, context)))).flat());
}

/** Findings by group; within a group they stay as they are. */
export function inOrder(findings: readonly Finding[]): readonly Finding[] {
  return FINDING_GROUPS.flatMap((group) => findings.filter((one) => one.group === group));
}

async function lookAt(probe: Probe, { clock, deadlineMs, signal }: ExamineContext): Promise<readonly Finding[]> {
  const over = new AbortController();
  const { group, subject, failsAs: state } = probe;
  const text = `it did not answer within ${deadlineMs / 1000} s`;
  const late = finding({ group, subject, state, text, remedy: 'see whether it runs, and what is between it and you' });
  const looking = probe.look(combineSignals([signal, over.signal])).catch((error: unknown) => {
    if (over.signal.aborted || signal?.aborted === true) return [late];
    if (!(error instanceof ToolcribError)) throw error;
    return [failure(probe, error)];
  });
  const done = new AbortController();
  const timer = clock.sleep(deadlineMs, combineSignals([signal, done.signal])).then(
    () => [late],
    () => [late],
  );
  try {
    // Not every call heeds a signal, and none of them may hold up the others.
    return await Promise.race([looking, timer]);
  } finally {
    over.abort();
    done.abort();
    signal?.throwIfAborted();
  }
}

/** What went wrong, as a finding. What was not looked at because of `--offline` is no failure. */
function failure({ group, subject, failsAs }: Probe, { code, message, hint }: ToolcribError): Finding {
  const state = code === 'OFFLINE' ? 'note' : failsAs;
  return finding({ group, subject, state, text: message, remedy: hint ?? null, facts: { code } });
}
