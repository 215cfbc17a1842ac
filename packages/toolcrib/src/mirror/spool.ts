import type { Clock } from '../core/clock.ts';
import type { Digest } from '../core/digest.ts';
import { hasCode, NotFoundError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import { readVerified } from '../disk/digest-file.ts';
import { receiveFile, type ReceivedFile } from '../disk/receive-file.ts';
import { discardTemporary, sweepTemporaries } from '../disk/temporary.ts';
import { ensureDirectory } from '../disk/write-file.ts';
import type { ReadableStore } from '../releases/stored-file.ts';
import type { ByteSource } from '../stores/store.ts';

/** An artifact above this size, in bytes, is not copied. */
const MAX_ARTIFACT_BYTES = 2 * 1024 ** 3;
/** A connection that breaks while bytes flow is met by reading again from the start, this often in all. */
const READS = 3;
/** Milliseconds before the second time. */
const WAIT_MS = 500;

/** Where artifacts wait between two stores, and how they get there. */
export interface Spool {
  /** Absolute; made when it is needed, and empty again afterwards. */
  readonly directory: string;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** What an artifact has to be. */
export interface ExpectedArtifact {
  readonly name: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/**
 * Brings an artifact of a store into a temporary file of this host, verified. Disposing of the result removes the file.
 * @throws IntegrityError `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `TOO_LARGE`; NotFoundError `NOT_FOUND`; RemoteError; the
 * signal's reason.
 */
export async function spoolArtifact(
  store: ReadableStore,
  artifact: ExpectedArtifact,
  spool: Spool,
): Promise<ByteSource & AsyncDisposable> {
  const { directory, clock, signal } = spool;
  await ensureDirectory(directory, 0o700);
  await sweepTemporaries(directory, { now: clock.now() });
  const { path, digest, size } = await receiveAgain(store, artifact, spool);
  return {
    digest,
    size,
    // Hashed again: between the two times anybody of this user may have changed it.
    open: () => readVerified(path, { digest, size }, { signal, followLinks: false }),
    [Symbol.asyncDispose]: () => discardTemporary(path),
  };
}

async function receiveAgain(store: ReadableStore, artifact: ExpectedArtifact, spool: Spool): Promise<ReceivedFile> {
  for (let made = 1; ; made++) {
    try {
      return await receive(store, artifact, spool);
    } catch (error) {
      if (made === READS || !hasCode(error, 'UNREACHABLE')) throw error;
      await spool.clock.sleep(made * WAIT_MS, spool.signal);
    }
  }
}

async function receive(store: ReadableStore, artifact: ExpectedArtifact, spool: Spool): Promise<ReceivedFile> {
  const { name, digest, size } = artifact;
  const { directory, reporter, signal } = spool;
  const file = await store.fetch(name, { digest, ...(signal && { signal }) });
  if (file === undefined) {
    throw new NotFoundError('NOT_FOUND', `${store.reference} has no ${name}, which its stored sums name`, {
      hint: 'the store lost it, or does not give it out: copy from another one',
      details: { name, digest },
    });
  }
  const progress = reporter.progress(name, size);
  try {
    const onBytes = (bytes: number) => progress.advance(bytes);
    const expected = { digest, size };
    const what = `${name} from ${file.url}`;
    return await receiveFile({
      directory,
      bytes: file.bytes,
      expected,
      maxBytes: MAX_ARTIFACT_BYTES,
      what,
      signal,
      onBytes,
    });
  } finally {
    progress.end();
  }
}
