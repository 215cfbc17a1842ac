import { isToolName } from '../core/artifact-name.ts';
import { digestHex, type Digest } from '../core/digest.ts';
import { isVersion } from '../core/version.ts';

/** Where mounts stand in sandboxes: a directory that no image has, and that nothing else is mounted below. */
const PARENT = '/var/lib/toolcrib';

/** An artifact, as its mount is named for it. */
export interface MountSubject {
  readonly tool: string;
  readonly version: number;
  readonly digest: Digest;
}

/** Where a sandbox has the mount of an artifact, e.g. `/var/lib/toolcrib/sandbox-tools-v3-0123456789ab-mount`. */
export function mountPathOf(subject: MountSubject): string {
  return `${PARENT}/${stemOf(subject)}-mount`;
}

const NAME = /^(?<tool>.+)-v(?<version>[1-9][0-9]{0,15})-[0-9a-f]{12}-mount$/;

/** What a path says of the mount that a sandbox was made with; undefined for a path that none has. */
export function mountedToolAt(path: string): Pick<MountSubject, 'tool' | 'version'> | undefined {
  if (!path.startsWith(`${PARENT}/`)) return undefined;
  const { tool = '', version = '' } = NAME.exec(path.slice(PARENT.length + 1))?.groups ?? {};
  return isToolName(tool) && isVersion(Number(version)) ? { tool, version: Number(version) } : undefined;
}

/** What names of trees of an artifact begin with, on the host. */
export function stemOf({ tool, version, digest }: MountSubject): string {
  return `${tool}-v${version}-${digestHex(digest).slice(0, 12)}`;
}
