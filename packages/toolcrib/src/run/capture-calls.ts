import type { ArchiveDraft } from './archive/write.ts';
import { EFFECTS_PATH, KERNEL_PATH, RAW_PATH } from './archive/paths.ts';
import type { Normaliser } from './normalise/normaliser.ts';
import type { CaptureReport, ObservedRun } from './observe/observer.ts';

/** After so many calls the disk is waited for, if it lags behind. */
const CALLS_PER_WAIT = 4096;

/**
 * Writes what an observer tells into the members of a draft, until the observation is over.
 * @param raw whether there is a member with everything.
 * @returns how the observation went.
 */
export async function captureCalls(
  observed: ObservedRun,
  normaliser: Normaliser,
  draft: ArchiveDraft,
  raw: boolean,
): Promise<CaptureReport> {
  const [kernel, effects] = [draft.member(KERNEL_PATH), draft.member(EFFECTS_PATH)];
  const everything = raw ? draft.member(RAW_PATH) : undefined;
  let calls = 0;
  for await (const call of observed.calls) {
    const lines = normaliser.take(call);
    if (lines.kernel !== undefined) kernel.append(lines.kernel);
    if (lines.effect !== undefined) effects.append(lines.effect);
    if (lines.raw !== undefined) everything?.append(lines.raw);
    calls += 1;
    if (calls % CALLS_PER_WAIT !== 0) continue;
    for (const member of [kernel, effects, everything]) await member?.settled();
  }
  return await observed.capture;
}
