import { ConflictError, IntegrityError, RemoteError } from '../../core/errors.ts';
import type { GithubReply } from '../../github/client.ts';
import type { GithubAsset, GithubRelease } from '../../github/releases.ts';
import { retry, TransientFailure } from '../../transfer/retry.ts';
import type { ByteSource } from '../store.ts';
import { chooseRelease } from './choose-draft.ts';
import { verifyTold } from './read-asset.ts';
import { assetOf, type GithubSession } from './session.ts';
import { verifiedSource } from './verified-source.ts';

type Outcome = 'created' | 'exists';

/** What one file's creation is about. */
interface Creation {
  readonly session: GithubSession;
  readonly tag: string;
  readonly name: string;
  readonly source: ByteSource;
  readonly signal: AbortSignal | undefined;
}

const FOREIGN_UPLOAD_MS = 10_000;
/** How often to look during that time. */
const LOOKS = 20;

/**
 * Creates a file of a release that is still a draft. Names are unique within a release, so that of two creators one is
 * refused. Nothing is ever added to a published release.
 * @throws ConflictError `VERSION_TAKEN` when the release is published and lacks the file; IntegrityError
 * `DIGEST_MISMATCH`, `SIZE_MISMATCH` when GitHub keeps other bytes than were sent; RemoteError; the signal's reason.
 */
export async function createAsset(creation: Creation): Promise<Outcome> {
  const { session, signal } = creation;
  signal?.throwIfAborted();
  return await retry(() => attempt(creation), { ...session.options, signal });
}

/** Looks, and uploads what is missing. What became of an upload whose answer was lost, the next attempt finds out. */
async function attempt(creation: Creation): Promise<Outcome> {
  const { session, tag, name, signal } = creation;
  const release = await chooseRelease(session, tag, signal);
  const asset = assetOf(release, name);
  if (asset?.uploaded === true) return 'exists';
  if (!release.draft) throw published(session, tag, name);
  if (asset !== undefined) {
    if (await isComing(creation, release, asset)) return 'exists';
    await session.releases.removeAsset(asset.id, { signal });
  }
  return await upload(creation, release);
}

/**
 * Waits for an upload that somebody else may still be at.
 * @returns true when the file is there, false when it has to be uploaded.
 */
async function isComing(creation: Creation, release: GithubRelease, asset: GithubAsset): Promise<boolean> {
  const { session, name, signal } = creation;
  const { clock, reporter, foreignUploadMs = FOREIGN_UPLOAD_MS } = session.options;
  if (session.brokenOff.has(uploadKey(release, name))) return false;
  const text = `${name} is being uploaded by somebody, or was not finished: waiting ${foreignUploadMs / 1000} s for it`;
  reporter?.notice({ kind: 'step', text });
  const end = clock.elapsed() + foreignUploadMs;
  while (clock.elapsed() < end) {
    await clock.sleep(foreignUploadMs / LOOKS, signal);
    const now = assetOf(await session.releases.byId(release.id, { signal }), name);
    if (now?.uploaded === true) return true;
    if (now?.id !== asset.id) return false;
  }
  return false;
}

async function upload(creation: Creation, release: GithubRelease): Promise<Outcome> {
  const { session, name, source, signal } = creation;
  const key = uploadKey(release, name);
  session.brokenOff.add(key);
  const reply = await session.releases
    .upload(release.id, name, verifiedSource(name, source), { signal })
    .catch((error: unknown) => {
      throw error instanceof RemoteError && error.code === 'UNREACHABLE' ? new TransientFailure(error) : error;
    });
  if (reply.kind !== 'done') return refused(creation, release, reply);
  session.brokenOff.delete(key);
  await verifyKept(creation, reply.data);
  return 'created';
}

/** A name that is taken, or a draft that is gone: what there is to do the next attempt sees. */
function refused(
  { session, tag, name }: Creation,
  release: GithubRelease,
  reply: Exclude<GithubReply<GithubAsset>, { kind: 'done' }>,
): never {
  if (reply.kind === 'invalid' && !reply.problems.some(({ code }) => code === 'already_exists')) throw reply.refusal;
  // The upload that is in the way is not ours.
  session.brokenOff.delete(uploadKey(release, name));
  if (reply.kind === 'missing') session.chosen.delete(tag);
  throw new TransientFailure(reply.refusal);
}

/**
 * GitHub tells what it keeps. Other bytes are taken away again: nobody has seen them, and they would be in the way.
 * @throws IntegrityError.
 */
async function verifyKept({ session, name, source, signal }: Creation, asset: GithubAsset): Promise<void> {
  try {
    if (asset.name !== name) throw renamed(name, asset.name);
    if (asset.size !== source.size) throw resized(name, source.size, asset.size);
    verifyTold(asset, source.digest, `${name} of ${session.reference.url}`);
  } catch (error) {
    await session.releases.removeAsset(asset.id, { signal });
    throw error;
  }
}

function renamed(name: string, actual: string): IntegrityError {
  return new IntegrityError('MALFORMED', `GitHub keeps ${name} as ${JSON.stringify(actual)}`, {
    hint: 'this is not expected of GitHub: look at the server',
  });
}

function resized(name: string, expected: number, actual: number): IntegrityError {
  return new IntegrityError('SIZE_MISMATCH', `GitHub keeps ${actual} bytes of ${name}, ${expected} were sent`, {
    hint: 'the bytes were changed on their way: publish again',
    details: { expected, actual },
  });
}

function published({ reference }: GithubSession, tag: string, name: string): ConflictError {
  const message = `the release ${tag} of ${reference.url} is published and has no ${name}`;
  return new ConflictError('VERSION_TAKEN', message, {
    hint: 'nothing is added to a published release: bump the version file, build and publish again',
    details: { tag, name },
  });
}

function uploadKey({ id }: GithubRelease, name: string): string {
  return `${id}/${name}`;
}
