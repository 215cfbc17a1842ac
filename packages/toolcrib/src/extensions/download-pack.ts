import type { Digest, Expected } from '../core/digest.ts';
import { hasCode, IntegrityError, messageOf } from '../core/errors.ts';
import type { OpenedFile } from '../stores/store.ts';
import { factsOf, inTheNameOf, nameOf, notThere, type WantedPack } from './acquired-pack.ts';
import { openPack } from './pack/read-pack.ts';
import type { KeptPack } from './pack-cache.ts';
import type { PackOrigins } from './pack-origins.ts';

/** How often a download that breaks is begun, and the wait before the second time, in milliseconds. */
const DOWNLOADS = 3;
const WAIT_MS = 500;

/** How a pack is asked for, and what it has to be. */
export interface PackQuestion<File extends OpenedFile> {
  /** Where that is, for messages. */
  readonly where: string;
  /** Asks once more each time. @returns undefined when there is none. */
  readonly ask: () => Promise<File | undefined>;
  /** What is known of the bytes: others are refused as soon as that shows. */
  readonly expected?: Expected;
  /** Throws when these are not the right bytes. */
  readonly verify?: (measured: { readonly digest: Digest }, file: File) => void;
}

/** A pack that came, and where from. */
export interface DownloadedPack extends KeptPack {
  /** After rewrites and redirects; carries no secret. */
  readonly url: string;
}

/**
 * Brings a pack into the cache, verified. A server repeats what fails before it answers; a body that breaks for good is
 * asked for again here.
 * @throws NotFoundError `NOT_FOUND`; IntegrityError `TOO_LARGE`, `SIZE_MISMATCH`, `DIGEST_MISMATCH`, `MALFORMED` and what
 * `verify` throws, and nothing is kept then; RemoteError, in the name of the extension; the signal's reason.
 */
export async function downloadPack<File extends OpenedFile>(
  wanted: WantedPack,
  question: PackQuestion<File>,
  origins: PackOrigins,
): Promise<DownloadedPack> {
  const { clock, reporter, signal } = origins;
  for (let made = 1; ; made++) {
    const file = await open(wanted, question);
    try {
      return await receive(wanted, { ...question, file }, origins);
    } catch (error) {
      if (made === DOWNLOADS || !hasCode(error, 'UNREACHABLE')) throw inTheNameOf(wanted, error);
      const text = `${messageOf(error)}; download ${made + 1} of ${DOWNLOADS} in ${(made * WAIT_MS) / 1000} s`;
      reporter.notice({ kind: 'step', text });
      await clock.sleep(made * WAIT_MS, signal);
    }
  }
}

async function open<File extends OpenedFile>(
  wanted: WantedPack,
  { where, ask }: Pick<PackQuestion<File>, 'where' | 'ask'>,
): Promise<File> {
  const file = await ask().catch((error: unknown) => {
    throw inTheNameOf(wanted, error);
  });
  if (file === undefined) throw notThere(wanted, where);
  return file;
}

async function receive<File extends OpenedFile>(
  wanted: WantedPack,
  { file, expected, verify }: Pick<PackQuestion<File>, 'expected' | 'verify'> & { readonly file: File },
  { cache, reporter, signal }: PackOrigins,
): Promise<DownloadedPack> {
  const progress = reporter.progress(wanted.dependency.id, file.size);
  try {
    const kept = await cache.receive({
      bytes: file.bytes,
      what: `${nameOf(wanted)}: ${file.url}`,
      announced: file.size,
      expected,
      async verify(pack) {
        verify?.(pack, file);
        await verifyOpens(wanted, pack.bytes, { url: file.url, signal });
      },
      onBytes: (bytes) => progress.advance(bytes),
      signal,
    });
    return { ...kept, url: file.url };
  } finally {
    progress.end();
  }
}

/** What is kept is found offline in the place of a pack that was there before: it has to be one. */
async function verifyOpens(
  wanted: WantedPack,
  bytes: Uint8Array,
  { url, signal }: Pick<PackOrigins, 'signal'> & { readonly url: string },
): Promise<void> {
  try {
    await openPack(bytes, { extensionId: wanted.dependency.id, signal });
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    throw new IntegrityError(error.code, `${error.message}: ${url}`, {
      hint: 'nothing of it was kept. Look at what stands there: a login page or a proxy may have answered in its place',
      details: { ...error.details, ...factsOf(wanted) },
      cause: error,
    });
  }
}
