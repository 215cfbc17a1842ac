import type { Digest } from '../core/digest.ts';

/**
 * A way of getting files into a sandbox; the best first. `overlay` copies none: the tree of this host is mounted, read-only, in
 * a sandbox that runs.
 */
export type Rung = 'overlay' | CopyingRung;

/** A way that copies. */
export type CopyingRung = 'archive' | 'namespace' | 'exec-tar' | 'exec-cat';

/**
 * Against whom what was proven holds after the moment of placement, best first:
 *
 * - `read-only-mount`: against everybody in the sandbox, root included.
 * - `root-owned`: against the sandbox's own user, who is not root and can neither write the tree nor replace a
 *   directory above it.
 * - `same-user`: against nobody who runs as the sandbox's own user, because the tree belongs to that user: root in a
 *   container that runs as root, the user of toolcrib in a local sandbox. It holds at placement only.
 * - `writable-parent`: others than the owner may replace the tree as a whole, because a directory above it is theirs,
 *   or because it cannot be seen from outside whose it is. It holds at placement only.
 */
export type Protection = 'read-only-mount' | 'root-owned' | 'same-user' | 'writable-parent';

/** How a tree came to where it is; `mount`: the sandbox was made with a mount that has it, and nothing was copied. */
export type Origin = Rung | 'mount';

/** One attempt: a way of placing into one of the configured parents, or a mount. */
export interface PlanStep {
  readonly rung: Origin;
  readonly parent: string;
  readonly usable: boolean;
  /** Why it is not usable, or as whom it was done. */
  readonly reason: string;
}

/** A verified artifact in a sandbox, proven to run there. */
export interface Placement {
  /** Reference of the sandbox. */
  readonly sandbox: string;
  readonly tool: string;
  readonly version: number;
  /** In its written form. */
  readonly target: string;
  readonly digest: Digest;
  /** Path of the sandbox. */
  readonly directory: string;
  /** The program and its first arguments, as programs in the sandbox see them. */
  readonly command: readonly string[];
  readonly rung: Origin;
  readonly protection: Protection;
  /** Why no more than that, one sentence. */
  readonly why: string;
  /**
   * Who told that the bytes are right: the engine; toolcrib itself, from this host, through the sandbox's mount namespace or in
   * the tree of this host that is mounted there; or programs of the sandbox, where neither can look.
   */
  readonly readBack: 'engine' | 'host' | 'exec';
  /** When it was proven last, milliseconds since 1970. */
  readonly provenAt: number;
  /** True when it was there already. */
  readonly reused: boolean;
  /** What was tried, in order; empty for a placement that was there. */
  readonly plan: readonly PlanStep[];
}

/** Protections whose proof does not outlive the moment it was made in. */
export function holdsAtPlacementOnly(protection: Protection): boolean {
  return protection === 'same-user' || protection === 'writable-parent';
}
