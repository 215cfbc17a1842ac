import { digestHex, type Digest } from '../core/digest.ts';

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

/** What names of trees of an artifact begin with, on the host. */
export function stemOf({ tool, version, digest }: MountSubject): string {
  return `${tool}-v${version}-${digestHex(digest).slice(0, 12)}`;
}
