import { IntegrityError } from '../core/errors.ts';

/** No store of releases holds more files: a server that says so does not end. */
const MAX_NAMES = 200_000;

/**
 * Keeps a listing from growing for as long as a server goes on with it.
 * @param count of what was listed until now.
 * @param where the listing is, for the message; carries no secret.
 * @throws IntegrityError `TOO_LARGE`.
 */
export function verifyListing(count: number, where: string): void {
  if (count > MAX_NAMES) throw endlessListing(where);
}

export function endlessListing(where: string): IntegrityError {
  return new IntegrityError('TOO_LARGE', `${where} lists more than a store of releases can`, {
    hint: 'that is no store of releases, or its server does not end: nothing was decided on what it listed',
  });
}
