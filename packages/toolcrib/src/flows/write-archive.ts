import { dirname, resolve } from 'node:path';
import { sweepTemporaries } from '../disk/temporary.ts';
import type { ArchiveMember } from '../run/archive/paths.ts';
import { sealArchive, writeArchive as write } from '../run/archive/write.ts';
import type { Host } from './host.ts';
import { openManifestSigner } from './manifest-signer.ts';

/** Members that somebody else made, e.g. of a run that another recorder saw. */
export interface WriteArchiveRequest {
  readonly runId: string;
  /** All but the manifest, redacted. */
  readonly members: readonly ArchiveMember[];
  /** Where the archive goes; it must not be there yet. */
  readonly output: string;
  /** A private key in PEM, Ed25519 or ECDSA on P-256, that signs the manifest. */
  readonly sign?: string;
}

/** An archive that was written. */
export interface WrittenArchive {
  /** Absolute. */
  readonly archive: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}

/**
 * Completes an archive, sweeps it for secrets, and writes it: whole or not at all, and never over another one. It is not
 * read again: `readArchive` tells whether it verifies.
 * @throws CheckError `ARCHIVE_REFUSED` when a secret is left in a member; UsageError `USAGE` when the file is there;
 * `CONFIG_INVALID` for a key that cannot sign; NotFoundError `NOT_FOUND` for a key; RemoteError `STORAGE`.
 */
export async function writeArchive(host: Host, request: WriteArchiveRequest): Promise<WrittenArchive> {
  const { runId, members, output, sign } = request;
  const path = resolve(host.cwd, output);
  const sealed = sealArchive(runId, members, await openManifestSigner(host, sign));
  await sweepTemporaries(dirname(path), { now: host.clock.now() });
  return { archive: path, ...(await write(path, sealed, host.signal)) };
}
