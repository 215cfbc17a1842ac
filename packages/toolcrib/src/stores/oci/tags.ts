import { createHash } from 'node:crypto';
import { digestHex, type Digest } from '../../core/digest.ts';
import { releaseOf, revocationListName } from '../../core/release-names.ts';
import { isVersion } from '../../core/version.ts';

/** OCI distribution specification 1.1, "Pulling manifests". */
const MAX_TAG = 128;

/** The tag of a complete release. */
export function versionTag(version: number): string {
  return `v${version}`;
}

/** Undefined for a tag that names no version. */
export function versionOfTag(tag: string): number | undefined {
  const digits = /^v(?<version>[1-9][0-9]*)$/.exec(tag)?.groups?.['version'];
  const version = Number(digits);
  return digits !== undefined && isVersion(version) ? version : undefined;
}

/** The tag of a file that no index holds: its name, or a digest of it where it is too long for a tag. */
export function nameTag(name: string): string {
  return name.length <= MAX_TAG ? name : `name-${createHash('sha256').update(name).digest('hex')}`;
}

/** What a tag says of the file under it: its name, that the file itself says it, or that it is no file of ours. */
export function fileOfTag(tag: string): { readonly name: string } | 'long' | undefined {
  if (/^name-[0-9a-f]{64}$/.test(tag)) return 'long';
  return releaseOf(tag) !== undefined || isRevocationList(tag) ? { name: tag } : undefined;
}

function isRevocationList(tag: string): boolean {
  const suffix = revocationListName('');
  return tag.length > suffix.length && tag.endsWith(suffix);
}

/** Where registries without the referrers API keep them (OCI distribution specification 1.1, "Referrers Tag Schema"). */
export function referrersTag(subject: Digest): string {
  return `sha256-${digestHex(subject)}`;
}
