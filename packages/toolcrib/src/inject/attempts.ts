import type { Sandbox } from '../sandboxes/sandbox.ts';
import { copyingRefusal, type ParentExamination } from './examine-parent.ts';
import { findProgram } from './sandbox-program.ts';
import type { CopyingRung, PlanStep } from './placement.ts';

/** A way that may be tried. */
export type Candidate = CopyingCandidate | MountingCandidate;

/** A way of copying that may be tried. */
export interface CopyingCandidate {
  readonly examination: ParentExamination;
  readonly rung: CopyingRung;
  /** Runs helping programs as root instead of as the sandbox's own user. */
  readonly user: '0' | undefined;
}

/** Mounting, where it may be tried; the parent was not looked at yet. */
export interface MountingCandidate extends Omit<CopyingCandidate, 'rung'> {
  readonly rung: 'overlay';
}

/** A way that is ruled out before anything is written, with its reason, or one that may be tried. */
export type Option = Candidate | PlanStep;

/**
 * All ways that copy into one parent, best first.
 * @param uid the sandbox's own user; undefined when it is not known.
 * @param helped whether the engine can be gone without: {@link canEnter}, or {@link canHelp}.
 */
export function optionsIn(
  sandbox: Sandbox,
  examination: ParentExamination,
  uid: number | undefined,
  helped: boolean,
): readonly (CopyingCandidate | PlanStep)[] {
  const { parent } = examination;
  const refusal = copyingRefusal(examination);
  if (refusal !== undefined) return sandbox.ways.map((rung) => ({ rung, parent, usable: false, reason: refusal }));
  const outside = helped ? outsideInReach(sandbox, uid) : undefined;
  const users = usersFor(sandbox, examination, uid);
  return sandbox.ways.flatMap((rung) => {
    if (rung === 'namespace') return [{ examination, rung, user: undefined }];
    if (rung === 'archive') return [engineOption(sandbox, examination, rung, outside)];
    return users
      .filter((user) => outside === undefined || user === undefined)
      .map((user) => ({ examination, rung, user }));
  });
}

/** Whether what a way places is written by root, and not by the sandbox's own user. */
export function isWrittenByRoot(
  { rung, user }: Pick<CopyingCandidate, 'rung' | 'user'>,
  uid: number | undefined,
): boolean {
  return rung === 'archive' || rung === 'namespace' || user === '0' || uid === 0;
}

/** Programs of the sandbox that a way needs. */
export function programsFor(rung: CopyingRung): readonly string[] {
  return { archive: [], namespace: [], 'exec-tar': ['tar'], 'exec-cat': ['sh', 'mkdir', 'cat', 'chmod'] }[rung];
}

/** Whether toolcrib can enter the sandbox's mount namespace from this machine, as far as is known. */
export function canEnter({ namespace }: Sandbox): boolean {
  return namespace !== undefined && !('closed' in namespace);
}

/** Whether the sandbox has what it takes to place an artifact itself. Nothing is executed. */
export async function canHelp(sandbox: Sandbox, hasLinks: boolean): Promise<boolean> {
  const has = async (name: string) => (await findProgram(sandbox, name, false)) !== undefined;
  const hasAll = async (rung: CopyingRung) =>
    sandbox.ways.includes(rung) && (await Promise.all(programsFor(rung).map(has))).every(Boolean);
  return (await hasAll('exec-tar')) || (!hasLinks && (await hasAll('exec-cat')));
}

/**
 * Where something outside the sandbox can be written, when its user may be root: who is root can swap a directory that
 * was examined for a link to there while somebody else writes. The sandbox's own programs can write nothing there that
 * this user could not.
 * @returns the path of the mount in the sandbox; undefined when there is none, or the user is not root.
 */
export function outsideInReach(sandbox: Sandbox, uid: number | undefined): string | undefined {
  if (uid !== undefined && uid !== 0) return undefined;
  return sandbox.identity.mounts.find(({ kind, writable }) => writable && kind !== 'tmpfs')?.path;
}

/** Who unpacks what goes the way `archive`: for a local directory there is no engine. */
export function unpackerOf({ identity }: Pick<Sandbox, 'identity'>): string {
  return identity.isolation === undefined ? 'the engine' : 'toolcrib itself';
}

/** @param outside where root in the sandbox could lead the engine. */
function engineOption(
  sandbox: Sandbox,
  examination: ParentExamination,
  rung: 'archive',
  outside: string | undefined,
): CopyingCandidate | PlanStep {
  // Not as the last way either: a hostile sandbox would only have to make its programs fail.
  const led = outside && `root in the sandbox could lead ${unpackerOf(sandbox)} into ${outside} while it unpacks`;
  const reason = led ?? archiveRefusal(examination, unpackerOf(sandbox));
  if (reason === undefined) return { examination, rung, user: undefined };
  return { rung, parent: examination.parent, usable: false, reason };
}

/** The engine writes as root and follows links: it is not used where somebody else can plant one. */
function archiveRefusal(examination: ParentExamination, unpacker: string): string | undefined {
  const [weakness] = examination.weaknesses;
  if (weakness === undefined) return undefined;
  if (examination.mount?.kind === 'tmpfs') return `${weakness}: ${unpacker} would write below it`;
  return `${weakness}: a link planted there would lead ${unpacker} elsewhere`;
}

/**
 * As whom helping programs run, best first. As root only where nobody else can plant a link: not in a weak parent, and in a tmpfs
 * only directly in it.
 */
export function usersFor(
  { choosesUser }: Pick<Sandbox, 'choosesUser'>,
  examination: ParentExamination,
  uid: number | undefined,
): readonly Candidate['user'][] {
  if (uid === 0 || !choosesUser) return [undefined];
  if (examination.weaknesses.length === 0) return ['0', undefined];
  const direct = examination.mount?.kind === 'tmpfs' && examination.missing.length === 0;
  return direct ? [undefined, '0'] : [undefined];
}
