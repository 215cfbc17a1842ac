import { readKnownRevocations, type KnownRevocations } from '../attestations/known-revocations.ts';
import { readTrustedKeys } from '../attestations/trusted-keys.ts';
import { layoutOf } from '../cache/layout.ts';
import type { ToolPins } from '../config/config.ts';
import type { Host } from './host.ts';

/**
 * What is known to be revoked of a tool: by the project's own list, and by those that stores gave out before. Stores are
 * asked by whoever has them open.
 * @throws UsageError `CONFIG_INVALID`; PolicyError `ATTESTATION_UNTRUSTED`, `ATTESTATION_WRONG` and IntegrityError
 * `MALFORMED`, `TOO_LARGE` for a project's list that does not count; RemoteError `STORAGE`.
 */
export async function openRevocations(
  { tool, attestation, revocationFile }: Pick<ToolPins, 'tool' | 'attestation' | 'revocationFile'>,
  { cacheDirectory, reporter, signal }: Host,
): Promise<KnownRevocations> {
  return await readKnownRevocations({
    tool,
    keys: await readTrustedKeys(attestation.publicKeys),
    projectFile: revocationFile,
    keptIn: layoutOf(cacheDirectory).revocations,
    reporter,
    signal,
  });
}
