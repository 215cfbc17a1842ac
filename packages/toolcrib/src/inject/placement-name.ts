import { isToolName } from '../core/artifact-name.ts';
import { digestHex, type Digest } from '../core/digest.ts';
import { isVersion } from '../core/version.ts';

/** The parts of a placement's directory: `<tool>-v<version>-<12 digits of the digest>-<16 random digits>`. */
export interface PlacementName {
  readonly tool: string;
  readonly version: number;
  /** The first 12 hex digits of the artifact's digest. */
  readonly digest: string;
  /** 16 hex digits that nobody can guess, so that no name is used twice. */
  readonly random: string;
}

const NAME = /^(?<tool>.+)-v(?<version>[1-9][0-9]{0,15})-(?<digest>[0-9a-f]{12})-(?<random>[0-9a-f]{16})$/;

/** @param random 8 bytes. */
export function formatPlacementName(
  { tool, version, digest }: { readonly tool: string; readonly version: number; readonly digest: Digest },
  random: Uint8Array,
): string {
  return `${tool}-v${version}-${digestHex(digest).slice(0, 12)}-${Buffer.from(random).toString('hex')}`;
}

/** Undefined for a name that no injection gives. Read from the right, so that a tool may be called `x-v1`. */
export function placementNameFrom(text: string): PlacementName | undefined {
  const { tool = '', version = '', digest = '', random = '' } = NAME.exec(text)?.groups ?? {};
  if (!isToolName(tool) || !isVersion(Number(version))) return undefined;
  return { tool, version: Number(version), digest, random };
}

/**
 * What a path says of the placement that stands there.
 * @returns undefined unless it is absolute, plain, and its last component is the name of a placement.
 */
export function placementAt(directory: string): PlacementName | undefined {
  const parts = /^(?<parent>(?:\/[^/\0]+)*)\/(?<name>[^/\0]+)$/.exec(directory)?.groups;
  const isPlain = (parts?.['parent'] ?? '..').split('/').every((name) => name !== '.' && name !== '..');
  return isPlain ? placementNameFrom(parts?.['name'] ?? '') : undefined;
}
