import type { AttestationFile } from '../attestations/attestation.ts';
import { ATTESTATION_SUFFIXES } from '../core/release-names.ts';
import { readStoredText, type ReadableStore } from './stored-file.ts';

/**
 * Reads what attestations a store has of an artifact. Nothing of them is verified.
 * @param artifactName file name of the artifact, e.g. `sandbox-tools-amd64-any-v2`.
 * @returns none when there are none.
 * @throws IntegrityError `TOO_LARGE`; as `Fetcher.fetch`.
 */
export async function readStoredAttestations(
  store: ReadableStore,
  artifactName: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly AttestationFile[]> {
  const files: AttestationFile[] = [];
  for (const suffix of ATTESTATION_SUFFIXES) {
    const name = `${artifactName}${suffix}`;
    const text = await readStoredText(store, name, options);
    if (text !== undefined) files.push({ name, bytes: Buffer.from(text) });
  }
  return files;
}
