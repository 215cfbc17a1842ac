import type { ErrorCode } from '../core/errors.ts';

/** One line of the matrix: an image, a target, and the user that the container's commands run as. */
export interface ValidationResult {
  readonly image: string;
  /** In its written form; null when it is the image that failed. */
  readonly target: string | null;
  /** E.g. `root`; null where no container of a user's was made. */
  readonly user: string | null;
  /**
   * - `passed`: placed, read back, and the health check answered;
   * - `failed`: none of that, or the image is not there, or no target is for it;
   * - `unfit`: the target is not for such an image, and another one is.
   */
  readonly outcome: 'passed' | 'failed' | 'unfit';
  /** Way that it was placed by; null unless it passed. */
  readonly rung: string | null;
  /** Against whom what was proven holds; null unless it passed. */
  readonly protection: string | null;
  /** Why, for people. */
  readonly reason: string;
  /** What to do about it; null when nobody can say. */
  readonly hint: string | null;
  /** What happened exactly; null unless it failed. */
  readonly code: ErrorCode | null;
}

/** A target, and whether it is for containers of an image. */
export interface RoutedTarget {
  /** In its written form. */
  readonly target: string;
  readonly fits: boolean;
  /** Why, a sentence without its end. */
  readonly reason: string;
}

/** A line that tells no way and no protection, because nothing was placed. */
export function withoutPlacement(
  facts: Pick<ValidationResult, 'image' | 'outcome' | 'reason'> & Partial<ValidationResult>,
): ValidationResult {
  return { target: null, user: null, rung: null, protection: null, hint: null, code: null, ...facts };
}
