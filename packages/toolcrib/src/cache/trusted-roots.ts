import { join } from 'node:path';
import { digestFromHex, digestHex, digestOf, verifyExpected, type Digest } from '../core/digest.ts';
import { hasCode, IntegrityError } from '../core/errors.ts';
import { isIrregular } from '../disk/open-regular-file.ts';
import { readSmallFile } from '../disk/small-file.ts';
import { sweepTemporaries } from '../disk/temporary.ts';
import { ensureDirectory, writeFileAtomically } from '../disk/write-file.ts';
import { layoutOf } from './layout.ts';

/** A larger trusted root, in bytes, is neither kept nor read. That of the public Sigstore has about 10,000. */
export const MAX_TRUSTED_ROOT_BYTES = 1024 * 1024;

/**
 * Keeps a Sigstore trusted root (JSON) that came with a bundle, if it is the one that the project's policy names.
 * @param cacheDirectory absolute path of the cache.
 * @param digest the configured one: without it a trusted root counts for nothing.
 * @returns its path.
 * @throws IntegrityError `DIGEST_MISMATCH`, `TOO_LARGE`, and nothing is written then; RemoteError `STORAGE`; the signal's
 * reason.
 */
export async function saveTrustedRoot(
  cacheDirectory: string,
  digest: Digest,
  bytes: Uint8Array,
  options: { /** Wall clock, milliseconds since 1970. */ now: number; signal?: AbortSignal | undefined },
): Promise<string> {
  if (bytes.byteLength > MAX_TRUSTED_ROOT_BYTES) {
    const what = `a trusted root has ${bytes.byteLength} bytes, more than ${MAX_TRUSTED_ROOT_BYTES}`;
    throw new IntegrityError('TOO_LARGE', what, { hint: 'that is no trusted root: look at where it comes from' });
  }
  verifyExpected('the trusted root', { digest }, { digest: digestOf(bytes), size: bytes.byteLength });
  const directory = layoutOf(cacheDirectory).trustedRoots;
  const path = trustedRootPath(directory, digest);
  await ensureDirectory(directory);
  await sweepTemporaries(directory, options);
  await writeFileAtomically(path, bytes, { signal: options.signal });
  return path;
}

/**
 * The trusted root of a digest, hashed again.
 * @param cacheDirectory absolute path of the cache.
 * @returns undefined when there is none, or what stands there has another digest (`cache verify` tells it).
 * @throws RemoteError `STORAGE`.
 */
export async function readTrustedRoot(cacheDirectory: string, digest: Digest): Promise<Uint8Array | undefined> {
  try {
    const path = trustedRootPath(layoutOf(cacheDirectory).trustedRoots, digest);
    const bytes = await readSmallFile(path, MAX_TRUSTED_ROOT_BYTES, { followLinks: false });
    return digestOf(bytes) === digest ? bytes : undefined;
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND', 'TOO_LARGE') || isIrregular(error)) return undefined;
    throw error;
  }
}

/** The digest that a file of `trusted-roots` is named for; undefined for a foreign file. */
export function trustedRootDigestFrom(name: string): Digest | undefined {
  const hex = /^(?<hex>[0-9a-f]{64})\.json$/.exec(name)?.groups?.['hex'];
  return hex === undefined ? undefined : digestFromHex(hex);
}

function trustedRootPath(directory: string, digest: Digest): string {
  return join(directory, `${digestHex(digest)}.json`);
}
