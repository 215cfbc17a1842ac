import { join } from 'node:path';
import { digestFromHex, digestHex, type Digest } from '../core/digest.ts';

/** Where things stand in a cache: formats.md 5. The version of the format is the name of the first directory. */
export interface CacheLayout {
  /** Absolute path of the cache itself. */
  readonly directory: string;
  /** Packs of extensions, which the original resolver may share. */
  readonly extStore: string;
  /** Everything of this version of the format. */
  readonly root: string;
  /** One directory for each digest of an artifact, named for its hex digits. */
  readonly attestations: string;
  readonly blobs: string;
  /** A directory that is empty for ever, which overlays of trees demand; its name is no digest. */
  readonly empty: string;
  readonly leases: string;
  readonly locks: string;
  /** Trees that sandboxes were made with; nothing but `removeMounts` takes them away. */
  readonly mounts: string;
  /** The ledger of injections; a user may have it elsewhere than in the cache. */
  readonly placements: string;
  readonly revocations: string;
  /** Where artifacts wait between two stores. */
  readonly spool: string;
  /** Trees that are mounted in sandboxes that run, one directory each; made again when they are gone. */
  readonly trees: string;
  readonly trustedRoots: string;
  readonly unpacked: string;
}

/** Directories below `v1` that belong to the format; `refs` is not used yet, `placements` is the ledger of injections,
 * `tuf` what the public Sigstore says of its trusted root. */
export const KNOWN_DIRECTORIES: readonly string[] = [
  'attestations',
  'blobs',
  'leases',
  'locks',
  'mounts',
  'placements',
  'refs',
  'revocations',
  'trees',
  'trusted-roots',
  'tuf',
  'unpacked',
];

/** @param ledger directory of the ledger of injections; default: in the cache. */
export function layoutOf(directory: string, ledger?: string): CacheLayout {
  const root = join(directory, 'v1');
  return {
    directory,
    extStore: join(directory, 'ext-store'),
    root,
    attestations: join(root, 'attestations', 'sha256'),
    blobs: join(root, 'blobs', 'sha256'),
    empty: join(root, 'trees', 'empty'),
    leases: join(root, 'leases'),
    locks: join(root, 'locks'),
    mounts: join(root, 'mounts'),
    placements: ledger ?? join(root, 'placements'),
    revocations: join(root, 'revocations'),
    spool: join(directory, 'spool'),
    trees: join(root, 'trees'),
    trustedRoots: join(root, 'trusted-roots'),
    unpacked: join(root, 'unpacked'),
  };
}

export function blobPath(layout: CacheLayout, digest: Digest): string {
  return join(layout.blobs, digestHex(digest));
}

/** The digest that a file of `blobs/sha256` is named for; undefined for a foreign file. */
export function blobDigestFrom(name: string): Digest | undefined {
  return name === name.toLowerCase() ? digestFromHex(name) : undefined;
}
