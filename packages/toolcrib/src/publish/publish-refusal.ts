import { PolicyError, type ToolcribError } from '../core/errors.ts';
import { takenVersion } from '../releases/taken-version.ts';

/** The release that was to be published, and where. */
export interface Refused {
  readonly tool: string;
  readonly version: number;
  readonly store: { readonly reference: string };
}

/** A higher version is published: PolicyError `ROLLBACK`. */
export function rollback({ tool, version, store }: Refused, highest: number): ToolcribError {
  return new PolicyError('ROLLBACK', `${store.reference} has ${tool} v${highest} already, v${version} is lower`, {
    hint: `versions only go up: set the version file to ${highest + 1} or more`,
    details: { version, highest },
  });
}

/**
 * Somebody else's release stands, or comes to stand, under this version: ConflictError `VERSION_TAKEN`.
 * @param different names of the files that have other digests there.
 */
export function taken({ tool, version, store }: Refused, different: readonly string[], cause?: unknown): ToolcribError {
  const hint = `published versions are immutable: bump the version file to ${version + 1}, build and publish again`;
  return takenVersion({ tool, version }, { where: store.reference, different, hint, cause });
}
