import { digestOf, type Digest } from '../core/digest.ts';
import { releaseManifestName, storedSumsName, sumsOfManifest } from '../core/release.ts';
import { differentNames } from '../core/sums.ts';
import { notGivenOut, readStoredBytes, verifyStoredFile } from '../releases/stored-file.ts';
import { contradiction, parseStoredManifest, parseStoredSums } from '../releases/stored-release.ts';
import { keptAttestation, missingAttestations } from './attestations.ts';
import type { PublishStep } from './publish-plan.ts';
import { taken } from './publish-refusal.ts';
import type { SignedRelease } from './release-sources.ts';

/** What a publication needs to know to read back what it wrote, and what it learns. */
export interface ReadingBack extends Pick<SignedRelease, 'request' | 'store' | 'sums' | 'sources'> {
  /** What the store gave back, by file name; filled as it goes. */
  readonly stored: Map<string, StoredBytes>;
}

/** A file as the store gave it back. */
export interface StoredBytes {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/**
 * Reads a file of the release, compares it, and remembers what it is.
 * @param created true when it is ours; else somebody of the same bytes may have written it.
 * @returns where an artifact came from, after rewrites.
 * @throws ConflictError `VERSION_TAKEN`; IntegrityError; PolicyError as `keptAttestation`; RemoteError; the signal's
 * reason.
 */
export async function readBack(step: PublishStep, created: boolean, publication: ReadingBack): Promise<string | null> {
  switch (step.role) {
    case 'artifact':
      return await readArtifact(step.name, publication, { byName: false });
    case 'claim':
      await readClaim(publication);
      return null;
    case 'attestation':
      await readAttestation(step, created, publication);
      return null;
    case 'manifest':
      await readFinalManifest(publication);
      return null;
  }
}

/**
 * @param byName true: what stands under the name, also where the store keeps by digest.
 * @returns where it came from, after rewrites.
 */
export async function readArtifact(
  name: string,
  { store, request, sources, stored }: ReadingBack,
  { byName }: { readonly byName: boolean },
): Promise<string> {
  const source = sources.get(name);
  if (source === undefined) throw new Error(`nobody said what ${name} holds`);
  const { digest, size } = source;
  const url = await verifyStoredFile(store, name, { digest, size }, { signal: request.signal, byName });
  stored.set(name, { digest, size });
  return url;
}

/** The claim is the same when its digests are: another publisher of the same bytes may have written it. */
export async function readClaim({ store, request, sums, stored }: ReadingBack): Promise<void> {
  const name = storedSumsName(request.tool, request.version);
  const bytes = await readStoredBytes(store, name, { signal: request.signal });
  if (bytes === undefined) throw notGivenOut(store, name);
  const different = differentNames(parseStoredSums(bytes.toString('utf8'), store, request), sums);
  if (different.length > 0) throw taken(request, different);
  stored.set(name, { digest: digestOf(bytes), size: bytes.byteLength });
}

/** As with the claim; what else it says, another publisher may have written. */
export async function readFinalManifest({ store, request, sums, stored }: ReadingBack): Promise<void> {
  const name = releaseManifestName(request.tool, request.version);
  const bytes = await readStoredBytes(store, name, { signal: request.signal });
  if (bytes === undefined) throw notGivenOut(store, name);
  const different = differentNames(sumsOfManifest(parseStoredManifest(bytes.toString('utf8'), store, request)), sums);
  if (different.length > 0) throw contradiction(store, request, different);
  stored.set(name, { digest: digestOf(bytes), size: bytes.byteLength });
}

/** What we made comes back as it was; what was there holds, whoever made it. */
async function readAttestation(
  { name, of = '' }: PublishStep,
  created: boolean,
  { store, request, sources, sums, stored }: ReadingBack,
): Promise<void> {
  const { signal, verifier } = request;
  const source = sources.get(name);
  if (created && source !== undefined) {
    await verifyStoredFile(store, name, source, { signal });
    stored.set(name, { digest: source.digest, size: source.size });
    return;
  }
  const digest = sums.get(of);
  const kept = digest && (await keptAttestation(store, { name: of, digest }, [name], verifier, { signal }));
  if (kept === undefined) throw missingAttestations([of]);
  stored.set(kept.name, { digest: digestOf(kept.bytes), size: kept.bytes.byteLength });
}
