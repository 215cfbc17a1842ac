import { ConflictError } from '../core/errors.ts';
import type { ReleaseId } from './stored-release.ts';

/**
 * Somebody else's release stands, or comes to stand, under this version: ConflictError `VERSION_TAKEN`.
 * @param where the store, for the message.
 * @param different names of the files that have other digests there.
 */
export function takenVersion(
  { tool, version }: ReleaseId,
  { where, different, hint, cause }: { where: string; different: readonly string[]; hint: string; cause?: unknown },
): ConflictError {
  const what = `${tool} v${version} in ${where} is taken by other bytes: ${different.join(', ')}`;
  return new ConflictError('VERSION_TAKEN', what, { hint, details: { tool, version, different }, cause });
}
