import { ToolcribError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { SpawnError } from '../run/child-process.ts';
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

/** What the tool exits with when it could not start its command. */
const REFUSALS: ReadonlyMap<number, Pick<SpawnError, 'code'> & { readonly why: string }> = new Map([
  [125, { code: 'TOOL_ENDED', why: 'was not let go' }],
  [126, { code: 'EACCES', why: 'could not execute it' }],
  [127, { code: 'ENOENT', why: 'did not find it' }],
]);

/** Why a command was not started whose tool says that it did not. @param code what the tool exited with. */
export function refusedBy(code: number, { reference }: Pick<Sandbox, 'reference'>): SpawnError | undefined {
  const refusal = REFUSALS.get(code);
  if (refusal === undefined) return undefined;
  const reason = `the tool that starts it in ${reference} ${refusal.why} and exited with ${code}`;
  return { code: refusal.code, reason };
}

/**
 * Why a command was not started that nobody saw being executed. @param code what the tool exited with.
 * @returns undefined where it may have been: something was lost, or the exit code is none of the tool's.
 */
export function nothingExecuted(
  { attribution, accounts, endedEarly, survivors }: CaptureReport,
  code: number | undefined,
  sandbox: Pick<Sandbox, 'reference'>,
): SpawnError | undefined {
  const isWhole = attribution === 'proven' && !endedEarly && survivors === 0;
  const isLost = accounts.some(({ dropped, missed }) => dropped + missed > 0);
  return code === undefined || !isWhole || isLost ? undefined : refusedBy(code, sandbox);
}
