import { hasCode, messageOf, ToolcribError, UsageError } from '../core/errors.ts';
import { readSmallFile } from '../disk/small-file.ts';
import { MAX_KEY_BYTES, parsePublicKey, type TrustedKey } from './keys.ts';

/**
 * Reads the public keys that a policy trusts.
 * @param files absolute paths of PEM files.
 * @throws UsageError `CONFIG_INVALID` naming the file and what is expected.
 */
export async function readTrustedKeys(files: readonly string[]): Promise<readonly TrustedKey[]> {
  return await Promise.all(files.map(readTrustedKey));
}

async function readTrustedKey(file: string): Promise<TrustedKey> {
  return parsePublicKey(Buffer.from(await readTrustFile(file, 'public key', MAX_KEY_BYTES)).toString('utf8'), file);
}

/**
 * Reads a file that a policy names: what is wrong with it is wrong with the configuration.
 * @param what it should hold, for the message.
 * @throws UsageError `CONFIG_INVALID`.
 */
export async function readTrustFile(file: string, what: string, maxBytes: number): Promise<Uint8Array> {
  try {
    return await readSmallFile(file, maxBytes);
  } catch (error) {
    if (!(error instanceof ToolcribError)) throw error;
    const message = hasCode(error, 'NOT_FOUND') ? `there is no ${what} at ${file}` : messageOf(error);
    throw new UsageError(
      'CONFIG_INVALID',
      `toolcrib.json: "attestation" names a file that cannot be used: ${message}`,
      {
        hint: `put the ${what} there, under git, or take it out of "attestation"`,
        details: { file },
        cause: error,
      },
    );
  }
}
