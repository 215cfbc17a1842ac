import { join } from 'node:path';
import { readPrivateKey } from '../attestations/key-signer.ts';
import { keyIdOf } from '../attestations/keys.ts';
import { readProjectRevocations } from '../attestations/read-revocations.ts';
import { extendRevocations, signRevocationList, type RevocationList } from '../attestations/revocations.ts';
import { readTrustedKeys } from '../attestations/trusted-keys.ts';
import type { ProjectConfig } from '../config/config.ts';
import { parseDigest } from '../core/digest.ts';
import { UsageError } from '../core/errors.ts';
import type { StoreReference } from '../core/reference.ts';
import { revocationListName } from '../core/release-names.ts';
import { isVersion } from '../core/version.ts';
import { writeFileAtomically } from '../disk/write-file.ts';
import type { Host } from './host.ts';
import { configOf, type Project } from './project.ts';

export interface RevokeOptions {
  /** Path of the Ed25519 private key that signs the list; its public key is one of the project's. */
  readonly key: string;
  readonly versions?: readonly number[];
  /** `sha256:<64 lowercase hex>` each. */
  readonly digests?: readonly string[];
  /** What everybody is told who would have used them. */
  readonly reason: string;
}

/** The project's list after a call. */
export interface RevokedReleases extends RevocationList {
  /** Absolute path of the list. */
  readonly file: string;
  /** False when everything was revoked already: nothing was written then. */
  readonly changed: boolean;
  /** The project's stores, those that are directories with their absolute path: others look for the list there. */
  readonly stores: readonly string[];
}

/**
 * Adds versions and digests to the project's list of revocations and signs it anew. Nothing is ever taken out.
 * @throws UsageError `USAGE` when there is nothing to revoke, or nobody would believe the key; `CONFIG_INVALID`,
 * `DIGEST_INVALID`; PolicyError `ATTESTATION_UNTRUSTED`, `ATTESTATION_WRONG` and IntegrityError `MALFORMED`, `TOO_LARGE`
 * for a list that is there and does not count; RemoteError `STORAGE`; the signal's reason.
 */
export async function revokeRelease(project: Project, host: Host, options: RevokeOptions): Promise<RevokedReleases> {
  const config = configOf(project, 'revoke');
  const { tool, attestation, stores } = config;
  const revocation = revocationOf(options);
  const key = await readPrivateKey(options.key);
  const keys = await readTrustedKeys(attestation.publicKeys);
  if (!keys.some(({ keyid }) => keyid === keyIdOf(key))) throw notTrusted(options.key, config);
  const file = join(config.folder, revocationListName(tool));
  const earlier = (await readProjectRevocations(file, tool, keys))?.list;
  const next = extendRevocations(tool, earlier, revocation, host.clock.now());
  if (next !== undefined) await writeFileAtomically(file, signRevocationList(next, key), { signal: host.signal });
  const list = next ?? earlier;
  if (list === undefined) throw new Error('a revocation that adds nothing has something before it');
  return { ...list, file, changed: next !== undefined, stores: stores.map(addressOf) };
}

function addressOf(store: StoreReference): string {
  return store.kind === 'directory' ? `file:${store.directory}` : store.url;
}

function revocationOf({ versions = [], digests = [], reason }: RevokeOptions) {
  if (versions.length === 0 && digests.length === 0) throw usage('there is nothing to revoke', NAME_WHAT);
  if (reason.trim() === '' || reason.length > 1000) {
    throw usage('a reason has from 1 to 1000 characters', 'everybody reads it who would have used what is revoked');
  }
  const invalid = versions.find((version) => !isVersion(version));
  if (invalid !== undefined) throw usage(`a version is a whole number from 1 on, found ${invalid}`, NAME_WHAT);
  return { versions, digests: digests.map(parseDigest), reason: reason.trim() };
}

const NAME_WHAT = 'name what is revoked: --version 3, or --digest sha256:…';

function usage(message: string, hint: string): UsageError {
  return new UsageError('USAGE', message, { hint });
}

function notTrusted(key: string, { file }: ProjectConfig): UsageError {
  return usage(
    `nobody would believe a list signed with ${key}: its public key is not in "attestation.publicKeys" of ${file}`,
    `write it with: openssl pkey -in ${key} -pubout -out toolcrib-signing.pub.pem, and list that file there`,
  );
}
