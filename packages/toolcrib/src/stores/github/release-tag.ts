import type { StoreReference } from '../../core/reference.ts';
import { releaseOf } from '../../core/release-names.ts';

export type GithubReference = Extract<StoreReference, { kind: 'github' }>;

/** One version of one tool. */
interface ReleaseId {
  readonly tool: string;
  readonly version: number;
}

/** The tag of a release, and the name that people see: formats.md 4. */
export function releaseTag({ tagPrefix }: GithubReference, { tool, version }: ReleaseId): string {
  return `${tagPrefix ?? tool}-v${version}`;
}

/** The tag of the release that a file belongs to; undefined for a file of no release. */
export function tagOfFile(reference: GithubReference, name: string): string | undefined {
  const release = releaseOf(name);
  return release === undefined ? undefined : releaseTag(reference, release);
}
