import { SandboxError } from '../core/errors.ts';
import { formatTarget, type Arch, type Libc, type Target } from '../core/target.ts';

/** What is known about a place where a tool is to run. */
export interface Surroundings {
  readonly arch: Arch;
  /** Absent when there is none, or nobody knows. */
  readonly libc?: Exclude<Libc, 'any'> | undefined;
}

/** A target, and whether it is for such a place. */
export interface JudgedTarget {
  readonly target: Target;
  readonly fits: boolean;
  /** Why, a sentence without its end. */
  readonly reason: string;
}

/** At least one, in the order in which they are to be tried. */
export type FittingTargets = readonly [Target, ...(readonly Target[])];

/** All targets as they are to be tried: the exact libc first, then `any`, then those that do not fit. */
export function judgeTargets(targets: readonly Target[], surroundings: Surroundings): readonly JudgedTarget[] {
  const judged = targets.map((target) => judge(target, surroundings));
  const rankOf = ({ fits, target }: JudgedTarget): number => (!fits ? 2 : target.libc === 'any' ? 1 : 0);
  return judged.sort((a, b) => rankOf(a) - rankOf(b));
}

function judge(target: Target, { arch, libc }: Surroundings): JudgedTarget {
  if (target.arch !== arch) return { target, fits: false, reason: `it is for ${target.arch}, not for ${arch}` };
  if (target.libc === 'any') return { target, fits: true, reason: 'it needs no C library' };
  if (target.libc === libc) return { target, fits: true, reason: `it is for ${libc}` };
  return { target, fits: false, reason: `it is for ${target.libc}, and there is ${libc ?? 'no known C library'}` };
}

/**
 * The targets that fit, in the order in which they are to be tried; at least one.
 * @throws SandboxError `NO_TARGET_FITS` naming the targets there are.
 */
export function fittingTargets(targets: readonly Target[], surroundings: Surroundings): FittingTargets {
  const [first, ...others] = judgeTargets(targets, surroundings)
    .filter(({ fits }) => fits)
    .map(({ target }) => target);
  if (first !== undefined) return [first, ...others];
  const { arch, libc } = surroundings;
  const names = targets.map(formatTarget);
  const needed = libc === undefined ? `${arch} without a known C library` : `${arch} with ${libc}`;
  throw new SandboxError('NO_TARGET_FITS', `no target fits ${needed}; there ${existing(names)}`, {
    hint: `add ${formatTarget({ arch, libc: 'any' })} to "targets" in toolcrib.json, build it and publish a new version`,
    details: { arch, libc: libc ?? null, targets: names },
  });
}

/**
 * The target to take: the first of {@link fittingTargets}.
 * @throws as {@link fittingTargets}.
 */
export function chooseTarget(targets: readonly Target[], surroundings: Surroundings): Target {
  return fittingTargets(targets, surroundings)[0];
}

function existing(names: readonly string[]): string {
  if (names.length === 0) return 'are no targets';
  return names.length === 1 ? `is only ${names.join('')}` : `are ${names.join(', ')}`;
}
