import { resolve } from 'node:path';
import type { SignManifest } from '../run/archive/write.ts';
import type { Host } from './host.ts';

/**
 * Reads the key that signs archives. What signs is loaded only when somebody wants it.
 * @param file of the private key; undefined: nothing is signed.
 * @throws UsageError `CONFIG_INVALID` for a key that cannot sign; NotFoundError `NOT_FOUND`; RemoteError `STORAGE`.
 */
export async function openManifestSigner(host: Host, file: string | undefined): Promise<SignManifest | undefined> {
  if (file === undefined) return undefined;
  const { readPrivateKey } = await import('../attestations/key-signer.ts');
  const { ARCHIVE_KEY_KINDS, signManifest } = await import('../run/archive/manifest-signature.ts');
  const key = await readPrivateKey(resolve(host.cwd, file), ARCHIVE_KEY_KINDS);
  return (signed) => signManifest(signed, key);
}
