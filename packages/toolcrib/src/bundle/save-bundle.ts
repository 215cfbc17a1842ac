import { dirname } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { MeasuredFile } from '../disk/digest-file.ts';
import { receiveFile } from '../disk/receive-file.ts';
import { discardTemporary, sweepTemporaries } from '../disk/temporary.ts';
import { ensureDirectory, publishTemporary } from '../disk/write-file.ts';
import type { BundleContent } from './bundle-content.ts';
import { MAX_BUNDLE_BYTES } from './limits.ts';
import { writeBundle } from './write-bundle.ts';

/**
 * Writes a bundle to a file, as a whole or not at all; one that is there is replaced.
 * @param path absolute.
 * @throws IntegrityError `TOO_LARGE`, and what the artifacts' `open` throws; RemoteError `STORAGE`; the signal's reason.
 */
export async function saveBundle(
  path: string,
  content: BundleContent,
  options: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<MeasuredFile> {
  const directory = dirname(path);
  await ensureDirectory(directory);
  await sweepTemporaries(directory, { now: options.clock.now() });
  const { path: temporary, ...measured } = await receiveFile({
    directory,
    bytes: writeBundle(content),
    maxBytes: MAX_BUNDLE_BYTES,
    what: `what is to be ${path}`,
    signal: options.signal,
  });
  try {
    await publishTemporary(temporary, path);
  } catch (error) {
    await discardTemporary(temporary);
    throw error;
  }
  return measured;
}
