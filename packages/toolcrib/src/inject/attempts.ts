import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { ParentExamination } from './examine-parent.ts';
import type { PlanStep, Rung } from './placement.ts';

/** A way that may be tried. */
export interface Candidate {
  readonly examination: ParentExamination;
  readonly rung: Rung;
  /** Runs helping programs as root instead of as the sandbox's own user. */
  readonly user: '0' | undefined;
}

/** A way that is ruled out before anything is written, with its reason, or one that may be tried. */
export type Option = Candidate | PlanStep;

/**
 * All ways into one parent, best first.
 * @param uid the sandbox's own user; undefined when it is not known.
 */
export function optionsIn(
  sandbox: Sandbox,
  examination: ParentExamination,
  uid: number | undefined,
): readonly Option[] {
  const { parent, refusal } = examination;
  return sandbox.ways.flatMap((rung): readonly Option[] => {
    if (refusal !== undefined) return [{ rung, parent, usable: false, reason: refusal }];
    if (rung !== 'archive') return usersFor(examination, uid).map((user) => ({ examination, rung, user }));
    const reason = archiveRefusal(examination);
    return [reason === undefined ? { examination, rung, user: undefined } : { rung, parent, usable: false, reason }];
  });
}

/** The engine writes as root and follows links: it is not used where somebody else can plant one. */
function archiveRefusal(examination: ParentExamination): string | undefined {
  const [weakness] = examination.weaknesses;
  if (weakness === undefined) return undefined;
  if (examination.mount?.kind === 'tmpfs') return `${weakness}: the engine would write below it`;
  return `${weakness}: a link planted there would lead the engine elsewhere`;
}

/**
 * As whom helping programs run. As root only where nobody else can plant a link: not in a weak parent, and in a tmpfs
 * only directly in it.
 */
function usersFor(examination: ParentExamination, uid: number | undefined): readonly Candidate['user'][] {
  if (uid === 0) return [undefined];
  if (examination.weaknesses.length === 0) return ['0', undefined];
  const direct = examination.mount?.kind === 'tmpfs' && examination.missing.length === 0;
  return direct ? [undefined, '0'] : [undefined];
}
