import { SandboxError } from '../core/errors.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { PlanStep } from './placement.ts';

/** What `examineParent` says of places where nothing can be written, or not executed. */
const NO_PLACE = / (?:is|is mounted) read-only$| is mounted noexec$/;

/**
 * No way into a sandbox could be used: every reason once, with the ways that it stopped.
 * @param plan all ways, in the order in which they were tried; each is in `details.plan`.
 * @returns `NOT_INJECTABLE`.
 */
export function notInjectable(
  { reference }: Pick<Sandbox, 'reference'>,
  plan: readonly Pick<PlanStep, 'rung' | 'parent' | 'reason'>[],
): SandboxError {
  const lines = [...Map.groupBy(plan, ({ reason }) => reason)].map(
    ([reason, steps]) => `${reason} (${waysText(steps)})`,
  );
  return new SandboxError('NOT_INJECTABLE', `nothing can be injected into ${reference}:\n  ${lines.join('\n  ')}`, {
    hint: plan.every(({ reason }) => NO_PLACE.test(reason))
      ? 'give the sandbox a place to write to and execute from, e.g. docker run --tmpfs /tmp:exec, or a volume at a directory of "install"'
      : 'give the sandbox a directory that only root can write, or name another one under "install"',
    details: { sandbox: reference, plan: plan.map(({ rung, parent, reason }) => `${rung} in ${parent}: ${reason}`) },
  });
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
