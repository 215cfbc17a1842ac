import { createHash, timingSafeEqual } from 'node:crypto';
import { UsageError } from '../core/errors.ts';
import { onDisk } from '../disk/storage-error.ts';
import { openRegularFile } from '../disk/open-regular-file.ts';

/** What opens a store for writing. The token itself is not kept. */
export interface PublishToken {
  /** Whether an `Authorization` header carries it; takes the same time wherever the two begin to differ. */
  matches(authorization: string | undefined): boolean;
}

/** Shorter ones can be guessed. */
const LEAST_LENGTH = 32;
/** In bytes; a token is a line. */
const MAX_FILE = 4096;
/** What may stand after `Bearer` (RFC 6750, 2.1). */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
const HINT = 'write one with: (umask 077; openssl rand -hex 32 > FILE)';

/**
 * Reads the file that holds the token, which nobody but its owner and group may read.
 * @throws UsageError `USAGE`; NotFoundError `NOT_FOUND`; RemoteError `STORAGE`.
 */
export async function readPublishToken(path: string): Promise<PublishToken> {
  const handle = await openRegularFile(path);
  try {
    const { mode, size } = await onDisk('examine', path, () => handle.stat());
    if ((mode & 0o007) !== 0) throw unfit(path, 'everybody on this machine may read or change it', `chmod 600 ${path}`);
    if (size > MAX_FILE) throw unfit(path, `it has more than ${MAX_FILE} bytes`, HINT);
    return createPublishToken((await onDisk('read', path, () => handle.readFile('utf8'))).trim(), path);
  } finally {
    await handle.close();
  }
}

/**
 * @param where it came from, named in errors.
 * @throws UsageError `USAGE` for what cannot stand in a header, or is too short.
 */
export function createPublishToken(token: string, where: string): PublishToken {
  if (!TOKEN.test(token)) throw unfit(where, 'a token is one line of letters, digits and -._~+/', HINT);
  if (token.length < LEAST_LENGTH) throw unfit(where, `a token has at least ${LEAST_LENGTH} characters`, HINT);
  const expected = hashOf(token);
  return {
    matches(authorization) {
      const given = /^Bearer +(?<token>\S+)$/i.exec(authorization ?? '')?.groups?.['token'];
      return given !== undefined && timingSafeEqual(hashOf(given), expected);
    },
  };
}

/** Of one length whatever is hashed, as the comparison needs it. */
function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function unfit(path: string, what: string, hint: string): UsageError {
  return new UsageError('USAGE', `${path} is no file for the token: ${what}`, { hint, details: { path } });
}
