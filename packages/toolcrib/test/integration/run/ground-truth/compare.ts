import { closeSync, openSync } from 'node:fs';
import { createSurfaceBuilder } from '../../../../src/run/reports/capability-surface.ts';
import { createNormaliser } from '../../../../src/run/normalise/normaliser.ts';
import type { ObservedCall } from '../../../../src/run/observe/observed-call.ts';
import type { Observer } from '../../../../src/run/observe/observer.ts';
import { callsOf } from '../../../contract/run/observed-command.ts';
import { countFacts, factOf, moreIn, type Fact } from './fact.ts';
import type { PreparedWorkload, Workload } from './workload.ts';

/** What came of a workload under an observer, beside what plain strace told. */
export interface Comparison {
  /** What strace told, and the observer did not. */
  readonly missed: readonly string[];
  /** What the observer told, and strace did not. */
  readonly invented: readonly string[];
  /** Calls that are neither in the normalised layer nor counted as left out of it; less than none: more than there were. */
  readonly unaccounted: number;
  /** Whether the call was told by which something can happen unseen. */
  readonly isBlindSpotTold: boolean;
  /** What the observer says that it lost. */
  readonly losses: number;
}

/** Runs a workload under an observer. @param truth what plain strace told of it. */
export async function compareWorkload(
  workload: Workload,
  prepared: PreparedWorkload,
  observer: Observer,
  truth: readonly Fact[],
): Promise<Comparison> {
  const { calls, losses } = await observeWorkload(prepared, observer);
  const facts = calls.map(factOf).filter((fact) => fact !== undefined);
  const [seen, told] = [countFacts(truth, workload), countFacts(facts, workload)];
  return {
    missed: moreIn(seen, told),
    invented: moreIn(told, seen),
    unaccounted: unaccounted(calls),
    isBlindSpotTold: calls.some((call) => call.kind === 'blind-spot' && call.call === workload.blindSpot),
    losses,
  };
}

async function observeWorkload(
  { command, cwd, env }: PreparedWorkload,
  observer: Observer,
): Promise<{ readonly calls: readonly ObservedCall[]; readonly losses: number }> {
  const nowhere = openSync('/dev/null', 'r+');
  try {
    const run = await observer.start({ command, cwd, env, stdio: [nowhere, nowhere, nowhere], ownGroup: false });
    if ('code' in run) throw new Error(`${command.join(' ')} did not start: ${run.reason}`);
    const calls = await callsOf(run);
    const [end, capture] = await Promise.all([run.end, run.capture]);
    if (end.exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${JSON.stringify(end)}`);
    if (capture.attribution !== 'proven' || capture.endedEarly) throw new Error(JSON.stringify(capture));
    const losses = capture.accounts.reduce(
      (all, { dropped, unreadable, missed }) => all + dropped + unreadable + missed,
      0,
    );
    return { calls, losses };
  } finally {
    closeSync(nowhere);
  }
}

/** The normalised layer is what was told, minus exactly what it says that it leaves out. */
function unaccounted(calls: readonly ObservedCall[]): number {
  const redactor = { text: (_field: string, text: string) => text };
  const normaliser = createNormaliser({ runId: 'run', redactor, surface: createSurfaceBuilder(), raw: false });
  const compared = calls.filter((call) => factOf(call) !== undefined);
  let lines = 0;
  for (const call of compared) {
    const { kernel, effect } = normaliser.take(call);
    // A failed exec is an effect; a peer that is no IP endpoint is one, too, and counted as left out of the layer.
    if (kernel !== undefined || (call.kind === 'exec' && effect !== undefined)) lines++;
  }
  const { hidden, non_ip_peers: peers, sends_without_peer: sends } = normaliser.counts();
  const left = [hidden, peers, sends].flatMap((counts) => Object.values<number>(counts));
  return compared.length - lines - left.reduce((all, count) => all + count, 0);
}
