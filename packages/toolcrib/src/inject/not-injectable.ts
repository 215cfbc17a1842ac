import { SandboxError } from '../core/errors.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { PlanStep } from './placement.ts';

/** What `examineParent` says of places where nothing can be written, or not executed. */
const NO_PLACE = / (?:is|is mounted) read-only$| is mounted noexec$/;

/**
 * What the system, an engine, or a program of the sandbox says where there was no room. GNU tar says it of the second write
 * only; of the first, that it was cut short.
 */
const NO_ROOM = /no space left on device|disk quota exceeded|wrote only \d+ of \d+ bytes/i;

/** A tool that arrived whole and crashed. */
export interface Crash {
  /** Whether `/proc` is there. */
  readonly hasProc: boolean;
}

/**
 * No way into a sandbox could be used: every reason once, with the ways that it stopped.
 * @param plan all ways, in the order in which they were tried; each is in `details.plan`.
 * @param crash undefined when the tool did not come that far anywhere.
 * @returns `NOT_INJECTABLE`.
 */
export function notInjectable(
  { reference }: Pick<Sandbox, 'reference'>,
  plan: readonly Pick<PlanStep, 'rung' | 'parent' | 'reason'>[],
  crash?: Crash,
): SandboxError {
  const lines = [...Map.groupBy(plan, ({ reason }) => reason)].map(
    ([reason, steps]) => `${reason} (${waysText(steps)})`,
  );
  return new SandboxError('NOT_INJECTABLE', `nothing can be injected into ${reference}:\n  ${lines.join('\n  ')}`, {
    // Where nothing can be copied, a mount would need the same, and more.
    hint: crash
      ? hintForCrash(crash)
      : hintFor(plan.filter(({ rung }) => rung !== 'overlay').map(({ reason }) => reason)),
    details: { sandbox: reference, plan: plan.map(({ rung, parent, reason }) => `${rung} in ${parent}: ${reason}`) },
  });
}

/** What programs commonly lack, in a root file system that nobody made for running them most of all. */
function hintForCrash({ hasProc }: Crash): string {
  const crashed = 'the tool arrived whole and crashed';
  if (!hasProc) return `${crashed}: /proc is not there, mount it in the sandbox (mount -t proc proc /proc)`;
  return `${crashed}: see that it has what programs need, /dev with null, zero and urandom, a /tmp to write to, memory, and the system calls that it makes`;
}

/** Where only room was missing, nothing else is to be changed: no other way came that far. */
function hintFor(reasons: readonly string[]): string {
  if (reasons.some((reason) => NO_ROOM.test(reason))) {
    return 'free space in the sandbox, or name a directory with more room under "install"';
  }
  return reasons.every((reason) => NO_PLACE.test(reason))
    ? 'give the sandbox a place to write to and execute from, e.g. docker run --tmpfs /tmp:exec, or a volume at a directory of "install"'
    : 'give the sandbox a directory that only root can write, or name another one under "install"';
}

/** E.g. `archive, exec-tar in /opt, /tmp; archive in /srv`. */
function waysText(steps: readonly Pick<PlanStep, 'rung' | 'parent'>[]): string {
  const rungsOf = ([parent, ways]: readonly [string, readonly Pick<PlanStep, 'rung'>[]]) => ({
    parent,
    rungs: [...new Set(ways.map(({ rung }) => rung))].join(', '),
  });
  const parents = [...Map.groupBy(steps, ({ parent }) => parent)].map(rungsOf);
  return [...Map.groupBy(parents, ({ rungs }) => rungs)]
    .map(([rungs, those]) => `${rungs} in ${those.map(({ parent }) => parent).join(', ')}`)
    .join('; ');
}
