import type { AttestationFile, AttestationVerdict, AttestationVerifier } from '../attestations/attestation.ts';
import { enforceAttestation } from '../attestations/enforce.ts';
import { readAttestationsBeside } from '../attestations/files-beside.ts';
import { readAttestations, saveAttestations } from '../cache/attestation-files.ts';
import { hasCode, messageOf, RemoteError } from '../core/errors.ts';
import type { StoreReference } from '../core/reference.ts';
import { attestedName } from '../core/release-names.ts';
import { readStoredAttestations } from '../releases/attestation-files.ts';
import type { Found, Search } from './search.ts';

/**
 * Looks at the attestations of an artifact whose bytes are right: those beside a bundled file, then those in the cache,
 * then those of the stores, the one that had the artifact first. What a store has is kept when it verifies.
 * @throws PolicyError `ATTESTATION_WRONG`, `ATTESTATION_UNTRUSTED`, `ATTESTATION_MISSING`; RemoteError `OFFLINE`,
 * `UNREACHABLE` when one is required and a store that may have it was not asked; the signal's reason.
 */
export async function verifyAttested(
  search: Search,
  found: Found & { readonly path: string },
): Promise<AttestationVerdict> {
  const { request, artifact } = search;
  const { attestation: policy } = request.pins;
  const verifier = await request.openVerifier();
  const files = found.tier === 'bundled' ? await readAttestationsBeside(found.path, artifact.name) : [];
  const beside = verifier.verify(artifact, files);
  const verdict = beside.status === 'missing' ? await lookFurther(search, found, verifier) : beside;
  enforceAttestation(policy, artifact, verdict, request.reporter);
  return verdict;
}

/**
 * What the cache has came from somebody whom another policy, or none, asked nothing: unless it verifies, it does not keep
 * what a store has from counting.
 */
async function lookFurther(search: Search, found: Found, verifier: AttestationVerifier): Promise<AttestationVerdict> {
  const { request, artifact } = search;
  const files = await readAttestations(request.cache.directory, artifact.digest, { now: request.clock.now() });
  const cached = verifier.verify(
    artifact,
    files.filter(({ name }) => attestedName(name) === artifact.name),
  );
  if (cached.status === 'verified' || (request.offline && cached.status !== 'missing')) return cached;
  const stored = await askStores(search, found, verifier, cached.status === 'missing');
  return stored.status === 'missing' ? cached : stored;
}

async function askStores(
  search: Search,
  found: Found,
  verifier: AttestationVerifier,
  isLast: boolean,
): Promise<AttestationVerdict> {
  const { request, artifact } = search;
  const unanswered: string[] = [];
  for (const store of storesInTurn(search, found)) {
    const files = await attestationsIn(search, store);
    if (files === undefined) unanswered.push(store.url);
    const verdict = verifier.verify(artifact, files ?? []);
    if (verdict.status === 'missing') continue;
    if (verdict.status === 'verified') await keep(search, files ?? []);
    return verdict;
  }
  if (isLast && request.pins.attestation.require && unanswered.length > 0) throw notAsked(search, unanswered);
  return { status: 'missing' };
}

/** The store that had the artifact comes first; the others keep their order. */
function storesInTurn({ request }: Search, found: Found): readonly StoreReference[] {
  const { stores } = request.pins;
  return [...stores.filter(({ url }) => url === found.store), ...stores.filter(({ url }) => url !== found.store)];
}

/** Undefined when the store was not asked, or did not answer. */
async function attestationsIn(
  search: Search,
  reference: StoreReference,
): Promise<readonly AttestationFile[] | undefined> {
  const { request, artifact } = search;
  if (request.offline) return undefined;
  try {
    const store = await request.openStore(reference);
    return await readStoredAttestations(store, artifact.name, { signal: request.signal });
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error;
    const text = `the attestation of ${artifact.name} does not come from ${reference.url}: ${messageOf(error)}`;
    request.reporter.notice({ kind: 'warning', text });
    return undefined;
  }
}

/** So that the next resolution needs no store. A cache that cannot be written to is no reason to fail. */
async function keep({ request, artifact }: Search, files: readonly AttestationFile[]): Promise<void> {
  const options = { now: request.clock.now(), replace: true, signal: request.signal };
  try {
    await saveAttestations(request.cache.directory, artifact.digest, files, options);
  } catch (error) {
    if (!hasCode(error, 'STORAGE')) throw error;
    request.reporter.notice({ kind: 'warning', text: `an attestation was not kept: ${messageOf(error)}` });
  }
}

function notAsked({ request, artifact }: Search, stores: readonly string[]): RemoteError {
  const details = { name: artifact.name, digest: artifact.digest, stores };
  if (!request.offline) {
    const what = `${artifact.name} needs an attestation, and not every store could be asked: ${stores.join(', ')}`;
    return new RemoteError('UNREACHABLE', what, { hint: 'check the network and the stores, then try again', details });
  }
  const what = `${artifact.name} needs an attestation, and none is beside it or in the cache`;
  return new RemoteError('OFFLINE', what, {
    hint: 'run the same command once online, or bring a bundle: then it is in the cache',
    details,
  });
}
