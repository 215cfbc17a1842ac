import { hasCode, IntegrityError } from '../core/errors.ts';
import { differentNames } from '../core/sums.ts';
import { readStoredSums } from '../releases/stored-release.ts';
import type { ByteSource } from '../stores/store.ts';
import { prepareRelease } from './prepare-release.ts';
import type { PublishedFile, PublishReport, PublishRequest } from './publication.ts';
import type { PublishStep } from './publish-plan.ts';
import { taken } from './publish-refusal.ts';
import { readArtifact, readBack, readClaim, readFinalManifest, type ReadingBack } from './read-back.ts';
import { signRelease, type SignedRelease } from './release-sources.ts';

export type { PublishedFile, PublishReport, PublishRequest } from './publication.ts';

/**
 * Publishes a release as a transaction (formats.md 4): {@link prepareRelease}, {@link signRelease}, then
 * {@link publishSigned}.
 * @throws what they do.
 */
export async function publishRelease(request: PublishRequest): Promise<PublishReport> {
  return await publishSigned(await signRelease(await prepareRelease(request)));
}

/**
 * Publishes what was prepared and signed. The stored sums claim the version; artifacts and attestations follow, each read back; the manifest comes last and makes it complete; then the store is asked once more
 * whose release it has. Killed at any point and repeated with the same bytes, it completes; with other bytes it changes
 * nothing.
 * @throws ConflictError `VERSION_TAKEN`; IntegrityError when the store gives back other bytes than it was given, or
 * contradicts itself; PolicyError as `keptAttestation`; RemoteError; the signal's reason.
 */
export async function publishSigned(release: SignedRelease): Promise<PublishReport> {
  const { request, plan } = release;
  const publication: Publication = { ...release, stored: new Map() };
  const files = await doubting(publication, async () => {
    const done: PublishedFile[] = [];
    for (const step of plan.steps) {
      request.signal?.throwIfAborted();
      done.push(await carryOut(step, publication));
    }
    await complete(publication);
    return done;
  });
  const { tool, version, dryRun, store } = request;
  const { alreadyPublished, skipped } = plan;
  const isComplete = !dryRun || alreadyPublished;
  return {
    store: store.reference,
    tool,
    version,
    dryRun,
    files,
    complete: isComplete,
    alreadyPublished,
    skipped,
  };
}

interface Publication extends SignedRelease, ReadingBack {}

/** Creates what is to be created, and reads back in any case: what a store says is not believed. */
async function carryOut(step: PublishStep, publication: Publication): Promise<PublishedFile> {
  const { request, sources } = publication;
  const { name, role } = step;
  const source = sources.get(name);
  if (step.action === 'create' && source === undefined && request.dryRun) {
    return { name, role, outcome: 'would-create', url: null };
  }
  if (role === 'manifest') await confirmClaim(publication);
  request.reporter.notice({ kind: 'step', text: `${step.action === 'keep' ? 'checking' : 'publishing'} ${name}` });
  const created = step.action === 'create' && (await create(name, source, publication)) === 'created';
  const url = await readBack(step, created, publication);
  if (!created) return { name, role, outcome: 'same', url };
  return request.dryRun ? { name, role, outcome: 'would-create', url: null } : { name, role, outcome: 'created', url };
}

async function create(
  name: string,
  source: ByteSource | undefined,
  { store, request }: Publication,
): Promise<'created' | 'exists'> {
  const { signal, reporter } = request;
  if (source === undefined) throw new Error(`nobody said what ${name} holds`);
  const progress = reporter.progress(name, source.size);
  try {
    const counted = { ...source, open: () => counting(source.open(), (bytes) => progress.advance(bytes)) };
    return await store.create(name, counted, signal === undefined ? {} : { signal });
  } finally {
    progress.end();
  }
}

async function* counting(
  bytes: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    yield piece;
    onBytes(piece.byteLength);
  }
}

/** Where two publishers can both go on until the end, the later one finds out before it makes a release complete. */
async function confirmClaim(publication: Publication): Promise<void> {
  if (publication.store.guarantee === 'detected') await readClaim(publication);
}

/** Makes the release visible, and asks once more whose it is: a store may let two publishers go on until here. */
async function complete(publication: Publication): Promise<void> {
  const { request, store, stored, plan } = publication;
  const { tool, version, signal, notes = '' } = request;
  const files = plan.steps.flatMap(({ name }) => {
    const bytes = stored.get(name);
    return bytes === undefined ? [] : [{ name, ...bytes }];
  });
  const options = signal === undefined ? {} : { signal };
  if ((await store.complete({ tool, version, files, notes }, options)) === 'lost') throw await lost(publication);
  await readClaim(publication);
  if (store.guarantee === 'detected') {
    for (const { name } of request.artifacts) await readArtifact(name, publication, { byName: true });
  }
  await readFinalManifest(publication);
}

async function lost({ request, store, sums }: Publication): Promise<Error> {
  const theirs = await readStoredSums(store, request, { signal: request.signal });
  return taken(request, differentNames(theirs ?? new Map(), sums));
}

/**
 * A store that lets two publishers go on may give the one the other's bytes, or refuse to go on. Whose the version is
 * stands in the claim: when that is somebody else's, that is what happened.
 */
async function doubting<T>(publication: Publication, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (publication.store.guarantee !== 'detected') throw error;
    if (!(error instanceof IntegrityError) && !hasCode(error, 'REMOTE_REFUSED')) throw error;
    const different = await theirsInstead(publication);
    throw different.length === 0 ? error : taken(publication.request, different, error);
  }
}

/** Names that a claim of somebody else gives other digests; none when the claim is ours, or cannot be read. */
async function theirsInstead({ request, store, sums }: Publication): Promise<readonly string[]> {
  try {
    const theirs = await readStoredSums(store, request, { signal: request.signal });
    return theirs === undefined ? [] : differentNames(theirs, sums);
  } catch (error) {
    request.signal?.throwIfAborted();
    if (error instanceof IntegrityError || hasCode(error, 'REMOTE_REFUSED', 'UNREACHABLE')) return [];
    throw error;
  }
}
