import { ATTESTATION_SUFFIXES } from '../core/release-names.ts';
import { ifThere, readSmallFile } from '../disk/small-file.ts';
import type { AttestationFile } from './attestation.ts';
import { MAX_SIGNED_BYTES } from './strict-json.ts';

/**
 * Reads the attestations that lie beside an artifact on disk. Nothing of them is verified.
 * @param path of the artifact: theirs is the same, and a suffix.
 * @param name of the artifact, which its file need not bear.
 * @returns none when there are none.
 * @throws IntegrityError `TOO_LARGE`; RemoteError `STORAGE`.
 */
export async function readAttestationsBeside(path: string, name: string): Promise<readonly AttestationFile[]> {
  const files: AttestationFile[] = [];
  for (const suffix of ATTESTATION_SUFFIXES) {
    const bytes = await ifThere(readSmallFile(`${path}${suffix}`, MAX_SIGNED_BYTES));
    if (bytes !== undefined) files.push({ name: `${name}${suffix}`, bytes });
  }
  return files;
}
