import { resolve } from 'node:path';
import { digestOf } from '../core/digest.ts';
import { hasCode } from '../core/errors.ts';
import { readInputFile } from '../disk/input-path.ts';
import { nameOf, notThere, verifyPin, type AcquiredPack, type WantedPack } from './acquired-pack.ts';
import { PACK_LIMITS } from './pack/limits.ts';

/**
 * Reads a pack of this machine.
 * @param path absolute, or relative to the directory of the pack that depends on it.
 * @throws NotFoundError `NOT_FOUND`; UsageError `USAGE` for what is no file; IntegrityError `DIGEST_MISMATCH` when another was locked, `TOO_LARGE`; RemoteError
 * `STORAGE`.
 */
export async function acquireLocal(wanted: WantedPack, path: string): Promise<AcquiredPack> {
  const where = resolve(wanted.packDirectory, path);
  const bytes = await readInputFile(where, PACK_LIMITS.maxPackBytes, `${nameOf(wanted)}: ${where}`).catch(
    (error: unknown) => {
      throw hasCode(error, 'NOT_FOUND') ? notThere(wanted, where, { hint: hintFor(wanted), cause: error }) : error;
    },
  );
  const digest = digestOf(bytes);
  verifyPin(wanted, where, digest);
  const { reference: resolvedRef } = wanted.dependency;
  return { bytes, digest, pinned: digest, resolvedRef, mediaType: undefined, tier: 'file', where };
}

function hintFor({ packDirectory, dependency }: WantedPack): string {
  return /^\s*file:(?!\/\/)/.test(dependency.reference)
    ? 'write the path alone, or file:// and the path'
    : `check the path; one that is relative begins in ${packDirectory}`;
}
