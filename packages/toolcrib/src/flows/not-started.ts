import { ToolcribError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { SpawnError } from '../run/child-process.ts';
import type { ObservedCall } from '../run/observe/observed-call.ts';
import type { CaptureReport } from '../run/observe/observer.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';

/**
 * Why a command did not get its turn: the tool that starts it ended before it said that it is there.
 * @param failure what ended it, where it has no exit code.
 * @param said what it wrote.
 */
export function toolEnded(
  { reference }: Pick<Sandbox, 'reference'>,
  code: number | undefined,
  failure: unknown,
  said: string,
): SpawnError {
  if (code === undefined) return { code: 'TOOL_ENDED', reason: failureText(failure, reference) };
  const words = printable(said.trim().replace(/^sandbox-tools: /, ''));
  const why = words === '' ? '' : `: ${words}`;
  return { code: 'TOOL_ENDED', reason: `the tool that starts it in ${reference} ended with ${code} before${why}` };
}

function failureText(failure: unknown, reference: string): string {
  if (!(failure instanceof ToolcribError)) return `the tool that starts it in ${reference} ended before`;
  return failure.hint === undefined ? failure.message : `${failure.message} (${failure.hint})`;
}

/** Calls that are passed on, and whether one of them may have executed a program. */
export function watchExecs(calls: AsyncIterable<ObservedCall>): {
  readonly calls: AsyncIterable<ObservedCall>;
  seen(): boolean;
} {
  let hasExecuted = false;
  return {
    calls: (async function* () {
      for await (const call of calls) {
        // One that was killed in it has no result.
        if (call.kind === 'exec' && (call.result === undefined || call.result >= 0)) hasExecuted = true;
        yield call;
      }
    })(),
    seen: () => hasExecuted,
  };
}

/** What the tool exits with when it could not start its command; a command may exit so, too. */
const REFUSALS: ReadonlyMap<number, Pick<SpawnError, 'code'> & { readonly why: string }> = new Map([
  [125, { code: 'TOOL_ENDED', why: 'was not let go' }],
  [126, { code: 'EACCES', why: 'could not execute it' }],
  [127, { code: 'ENOENT', why: 'did not find it' }],
]);

/**
 * Why a command was not started that nobody saw being executed.
 * @returns undefined where it may have been: something was lost, or the exit code is none of the tool's.
 */
export function nothingExecuted(
  { attribution, accounts, endedEarly, survivors }: CaptureReport,
  exitCode: number | null,
  { reference }: Pick<Sandbox, 'reference'>,
): SpawnError | undefined {
  const refusal = REFUSALS.get(exitCode ?? 0);
  const isWhole = attribution === 'proven' && !endedEarly && survivors === 0;
  const isLost = accounts.some(({ dropped, missed }) => dropped + missed > 0);
  if (refusal === undefined || !isWhole || isLost) return undefined;
  const reason = `the tool that starts it in ${reference} ${refusal.why} and exited with ${exitCode ?? 0}`;
  return { code: refusal.code, reason };
}
