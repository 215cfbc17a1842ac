import { digestOf } from '../../core/digest.ts';
import { IntegrityError, RemoteError } from '../../core/errors.ts';
import { attestedName, releaseManifestName, storedSumsName } from '../../core/release-names.ts';
import { parseReleaseManifest } from '../../core/release.ts';
import type { GithubReply } from '../../github/client.ts';
import type { GithubRelease } from '../../github/releases.ts';
import type { FinishedRelease } from '../store.ts';
import { discardDraft } from './choose-draft.ts';
import { verifyTold } from './read-asset.ts';
import { releaseTag } from './release-tag.ts';
import { assetOf, findRelease, type GithubSession } from './session.ts';

type Outcome = 'complete' | 'lost';

/** What ending a publication is about. */
interface Completion {
  readonly session: GithubSession;
  readonly tag: string;
  readonly finished: FinishedRelease;
  readonly signal: AbortSignal | undefined;
}

/** A claim or a manifest is never larger, in bytes. */
const MAX_TEXT_BYTES = 1024 * 1024;

/**
 * Publishes the draft, and looks at what stands under the tag then: GitHub publishes one release under a tag, the first
 * that asks. Before that it demands that the draft still holds what was read back.
 * @throws RemoteError `REMOTE_REFUSED`, also when the draft is not whole any more; IntegrityError `DIGEST_MISMATCH`,
 * `SIZE_MISMATCH`; the signal's reason.
 */
export async function completeRelease(
  session: GithubSession,
  finished: FinishedRelease,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const completion = { session, finished, signal, tag: releaseTag(session.reference, finished) };
  const other = await session.releases.byTag(completion.tag, { signal });
  if (other !== undefined) return await settle(completion, other);
  const draft = await findRelease(session, completion.tag, signal);
  if (draft === undefined || !(await isOurs(completion, draft))) return await lose(completion);
  verifyWhole(completion, draft);
  const reply = await publish(completion, draft);
  const standing = await session.releases.byTag(completion.tag, { signal });
  if (standing !== undefined) return await settle(completion, standing);
  throw reply.kind === 'done' ? vanished(completion) : reply.refusal;
}

/** Whose release it is that is published now. */
async function settle(completion: Completion, standing: GithubRelease): Promise<Outcome> {
  const { session, tag, signal } = completion;
  if (!(await isOurs(completion, standing)) || missing(completion, standing).length > 0) return await lose(completion);
  const own = session.chosen.get(tag);
  session.chosen.set(tag, standing.id);
  if (own !== undefined && own !== standing.id) await discardDraft(session, own, signal);
  tellMutable(session, standing);
  return 'complete';
}

/** Forgets our draft, and takes it away if we made it: its tag is another publisher's. */
async function lose({ session, tag, signal }: Completion): Promise<Outcome> {
  const own = session.chosen.get(tag);
  session.chosen.delete(tag);
  if (own !== undefined) await discardDraft(session, own, signal);
  return 'lost';
}

/** A release is of those who have the same claim: the same digests for all artifacts. Its bytes are read, not believed. */
async function isOurs({ session, finished, signal }: Completion, release: GithubRelease): Promise<boolean> {
  const name = storedSumsName(finished.tool, finished.version);
  const claim = finished.files.find((file) => file.name === name);
  if (claim === undefined) throw new Error(`a finished release without its claim: ${name}`);
  const bytes = await readText(session, release, name, signal);
  return bytes !== undefined && digestOf(bytes) === claim.digest;
}

async function readText(
  session: GithubSession,
  release: GithubRelease,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Buffer | undefined> {
  const asset = assetOf(release, name);
  if (asset?.uploaded !== true || asset.size > MAX_TEXT_BYTES) return undefined;
  const download = await session.releases.openAsset(asset.id, { signal });
  if (download === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of download.bytes) {
    size += piece.byteLength;
    if (size > MAX_TEXT_BYTES) return undefined;
    pieces.push(Uint8Array.from(piece));
  }
  return Buffer.concat(pieces);
}

/** Files without which a release is not complete; attestations may be another publisher's, or of another kind. */
function missing({ finished }: Completion, release: GithubRelease): readonly string[] {
  const needed = finished.files.filter(({ name }) => attestedName(name) === undefined);
  return needed.map(({ name }) => name).filter((name) => assetOf(release, name)?.uploaded !== true);
}

/** @throws RemoteError `REMOTE_REFUSED` for files that are gone; IntegrityError for files that became others. */
function verifyWhole({ session, tag, finished }: Completion, draft: GithubRelease): void {
  for (const { name, digest, size } of finished.files) {
    const asset = assetOf(draft, name);
    if (asset?.uploaded !== true) throw incomplete(session, tag, name);
    if (asset.size !== size) throw changed(session, name, size, asset.size);
    verifyTold(asset, digest, `${name} of ${session.reference.url}`);
  }
}

function incomplete({ reference }: GithubSession, tag: string, name: string): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `the draft ${tag} of ${reference.url} has no ${name} any more`, {
    hint: 'somebody changed the draft: publish again',
    details: { tag, name },
  });
}

function changed({ reference }: GithubSession, name: string, expected: number, actual: number): IntegrityError {
  return new IntegrityError('SIZE_MISMATCH', `${name} of ${reference.url} has ${actual} bytes, expected ${expected}`, {
    hint: 'somebody changed the draft: delete it on the page of releases and publish again',
    details: { expected, actual },
  });
}

/** The tag goes onto the commit that the release was built from, if GitHub has that and the token may tag it. */
async function publish(completion: Completion, draft: GithubRelease): Promise<GithubReply<GithubRelease>> {
  const { session, tag, finished, signal } = completion;
  const commit = await sourceCommit(completion, draft);
  const publication = { tag, notes: finished.notes, commit };
  const reply = await session.releases.publish(draft.id, publication, { signal });
  if (commit === undefined || !isAboutCommit(reply)) return reply;
  session.options.reporter?.notice({
    kind: 'warning',
    text: `GitHub does not put the tag ${tag} on ${commit}; it goes onto the default branch`,
    hint: 'push the commit before publishing; one that changes workflows needs a token that may do that',
  });
  return await session.releases.publish(draft.id, { ...publication, commit: undefined }, { signal });
}

/**
 * A commit that GitHub does not have is invalid; one with other workflows than the default branch needs the right to
 * change those, and without it the answer is 404 (GitHub's documentation, "Update a release").
 */
function isAboutCommit(reply: GithubReply<unknown>): boolean {
  if (reply.kind === 'missing') return true;
  return reply.kind === 'invalid' && reply.problems.some(({ field }) => field === 'target_commitish');
}

/** As the manifest says it, which was read back: the tag is for people, nothing is decided by it. */
async function sourceCommit(
  { session, finished, signal }: Completion,
  draft: GithubRelease,
): Promise<string | undefined> {
  const name = releaseManifestName(finished.tool, finished.version);
  const bytes = await readText(session, draft, name, signal);
  if (bytes === undefined) return undefined;
  const { commit } = parseReleaseManifest(bytes.toString('utf8'), name).source;
  return commit !== null && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commit) ? commit : undefined;
}

function vanished({ session, tag }: Completion): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `${session.reference.url} published ${tag} and does not show it`, {
    hint: 'look at the page of releases, then publish again',
  });
}

/** Immutable releases are what makes GitHub itself keep what pins and digests detect. */
function tellMutable({ reference, options }: GithubSession, { tag, immutable }: GithubRelease): void {
  if (immutable !== false) return;
  options.reporter?.notice({
    kind: 'warning',
    text: `${reference.owner}/${reference.repository} lets the release ${tag} be changed later; pins detect it`,
    hint: 'turn on immutable releases in the settings of the repository',
  });
}
