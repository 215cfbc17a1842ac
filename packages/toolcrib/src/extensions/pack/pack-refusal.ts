import { IntegrityError, messageOf, ToolcribError } from '../../core/errors.ts';
import { quoted } from '../../core/printable.ts';

/** What a pack that cannot be used becomes for the user, in the name of its extension. */
export interface PackRefusal {
  /** @returns IntegrityError `MALFORMED`. */
  malformed(what: string, cause?: unknown): IntegrityError;
  /** @returns IntegrityError `TOO_LARGE`. */
  tooLarge(what: string, limit: number): IntegrityError;
}

/** @param extensionId as it stands in `pack.extensions.json`, or whatever else names the pack. */
export function createPackRefusal(extensionId: string): PackRefusal {
  const pack = `the .gtxpack of extension ${quoted(extensionId)}`;
  const details = { extension: extensionId };
  return {
    malformed: (what, cause) =>
      new IntegrityError('MALFORMED', `${pack} cannot be used: ${what}`, {
        hint: 'nothing of it was used: get the pack again, or have its publisher pack it again',
        details,
        cause,
      }),
    tooLarge: (what, limit) =>
      new IntegrityError('TOO_LARGE', `${pack} has ${what}, above the limit of ${limit}`, {
        hint: 'nothing of it was used',
        details: { ...details, limit },
      }),
  };
}

/**
 * Runs what reads a pack. yauzl and zlib throw plain errors about what they read: these are the pack's fault.
 * @throws IntegrityError `MALFORMED`; what `work` throws; the signal's reason.
 */
export async function wellFormed<T>(
  refusal: PackRefusal,
  work: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    throw isAboutBytes(error) ? refusal.malformed(messageOf(error), error) : error;
  }
}

/** Not what this program says itself, nor a mistake in it. */
function isAboutBytes(error: unknown): boolean {
  return error instanceof Error && !(error instanceof ToolcribError) && ['Error', 'RangeError'].includes(error.name);
}
