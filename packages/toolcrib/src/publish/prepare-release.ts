import type { AttestationFile } from '../attestations/attestation.ts';
import { sumsOfManifest } from '../core/release.ts';
import { isSameSums, type Sums } from '../core/sums.ts';
import { listVersions } from '../releases/published-versions.ts';
import { contradiction, readManifest, readStoredSums } from '../releases/stored-release.ts';
import type { Store } from '../stores/store.ts';
import { keptAttestation, missingAttestations } from './attestations.ts';
import type { PublishRequest } from './publication.ts';
import { planPublish, type PublishPlan } from './publish-plan.ts';
import { rollback, taken } from './publish-refusal.ts';
import { rehearse } from './rehearsal.ts';
import { sumsOfArtifacts, verifyArtifacts } from './release-artifacts.ts';

/** A publication of which everything was checked that can be, and nothing was written. */
export interface PreparedRelease {
  readonly request: PublishRequest;
  /** Where it goes: the store, or in a dry run its rehearsal. */
  readonly store: Store;
  readonly sums: Sums;
  readonly plan: Extract<PublishPlan, { kind: 'publish' }>;
  /** By the name of the artifact. */
  readonly attestations: ReadonlyMap<string, AttestationFile>;
}

/**
 * Checks a publication: that the artifacts are what is said of them, and that the store can be reached, lets us read,
 * and has nothing that speaks against it. Writes nothing.
 * @throws ConflictError `VERSION_TAKEN`; PolicyError `ROLLBACK`, `ATTESTATION_MISSING`, `ATTESTATION_UNTRUSTED`,
 * `ATTESTATION_WRONG`; IntegrityError when the store contradicts itself; UsageError, NotFoundError as `verifyArtifacts`;
 * RemoteError; the signal's reason.
 */
export async function prepareRelease(request: PublishRequest): Promise<PreparedRelease> {
  await verifyArtifacts(request, request.artifacts, request.signal);
  const store = request.dryRun ? rehearse(request.store) : request.store;
  const sums = sumsOfArtifacts(request.artifacts);
  const { plan, attestations } = await survey(request, store, sums);
  if (plan.kind === 'contradiction') throw contradiction(store, request, plan.different);
  if (plan.kind === 'rollback') throw rollback(request, plan.highest);
  if (plan.kind === 'taken') throw taken(request, plan.different);
  refuseUnattested(request, plan);
  return { request, store, sums, plan, attestations };
}

async function survey(
  request: PublishRequest,
  store: Store,
  sums: Sums,
): Promise<Pick<PreparedRelease, 'attestations'> & { readonly plan: PublishPlan }> {
  const { tool, version, signal, signer } = request;
  const { versions, shown } = await listVersions(store, tool, { signal });
  const claim = await readStoredSums(store, request, { signal, hiddenIsMissing: true });
  const manifest = await readManifest(store, request, { signal, hiddenIsMissing: true });
  const names = versions.get(version) ?? [];
  const ours = claim !== undefined && isSameSums(claim, sums);
  const attestations = ours ? await findAttestations(request, names) : new Map<string, AttestationFile>();
  const found = {
    highest: shown.at(-1),
    shown: shown.includes(version),
    claim,
    manifest: manifest && sumsOfManifest(manifest),
    names,
    attestations: new Map([...attestations].map(([of, { name }]) => [of, name])),
  };
  return { plan: planPublish({ tool, version, sums, suffix: signer?.suffix }, found), attestations };
}

async function findAttestations(
  { artifacts, store, verifier, signal }: PublishRequest,
  names: readonly string[],
): Promise<PreparedRelease['attestations']> {
  const found = new Map<string, AttestationFile>();
  for (const artifact of artifacts) {
    const kept = await keptAttestation(store, artifact, names, verifier, { signal });
    if (kept !== undefined) found.set(artifact.name, kept);
  }
  return found;
}

function refuseUnattested(request: PublishRequest, { steps }: PreparedRelease['plan']): void {
  if (request.attestationsRequired !== true) return;
  const attested = new Set(steps.map(({ of }) => of));
  const missing = request.artifacts.map(({ name }) => name).filter((name) => !attested.has(name));
  if (missing.length > 0) throw missingAttestations(missing);
}
