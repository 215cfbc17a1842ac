import { SandboxError } from '../core/errors.ts';
import { formatTarget, type Arch, type Libc, type Target } from '../core/target.ts';

/** What is known about a place where a tool is to run. */
export interface Surroundings {
  readonly arch: Arch;
  /** Absent when there is none, or nobody knows. */
  readonly libc?: Exclude<Libc, 'any'> | undefined;
}

/**
 * The target to take: the exact libc first, then `any`.
 * @throws SandboxError `NO_TARGET_FITS` naming the targets there are.
 */
export function chooseTarget(targets: readonly Target[], surroundings: Surroundings): Target {
  const { arch, libc } = surroundings;
  const fitting = targets.filter((target) => target.arch === arch);
  const chosen = fitting.find((target) => target.libc === libc) ?? fitting.find((target) => target.libc === 'any');
  if (chosen !== undefined) return chosen;
  const names = targets.map(formatTarget);
  const needed = libc === undefined ? `${arch} without a known C library` : `${arch} with ${libc}`;
  throw new SandboxError('NO_TARGET_FITS', `no target fits ${needed}; there ${existing(names)}`, {
    hint: `add ${formatTarget({ arch, libc: 'any' })} to "targets" in toolcrib.json, build it and publish a new version`,
    details: { arch, libc: libc ?? null, targets: names },
  });
}

function existing(names: readonly string[]): string {
  if (names.length === 0) return 'are no targets';
  return names.length === 1 ? `is only ${names.join('')}` : `are ${names.join(', ')}`;
}
