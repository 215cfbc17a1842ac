import { lstat, stat } from 'node:fs/promises';
import { looksAtAttestations } from '../attestations/enforce.ts';
import type { PinnedArtifact, ToolPins } from '../config/config.ts';
import { formatArtifactName } from '../core/artifact-name.ts';
import { isSystemError } from '../core/errors.ts';
import { pinOf } from '../core/sums.ts';
import type { Target } from '../core/target.ts';
import { onDisk, storageError } from '../disk/storage-error.ts';
import { buildHere, buildPlaces } from './build-tier.ts';
import { bundledTier } from './bundled-tier.ts';
import { cacheTier } from './cache-tier.ts';
import { refuseRevokedByStores } from './not-revoked.ts';
import type { Resolution, ResolutionPlan, ResolveRequest } from './resolution.ts';
import { report, withTrail, type Found, type Search, type Tier } from './search.ts';
import { storeTier } from './store-tier.ts';

const buildTier: Tier = {
  name: 'build',
  places: ({ request }) => buildPlaces(request),
  look: (search) => buildHere({ ...search, name: search.artifact.name }),
};

/** In the order in which they are asked. */
const TIERS: readonly Tier[] = [bundledTier, cacheTier, storeTier, buildTier];

/**
 * Finds the verified artifact of one target: bundled, cached, from a store, or built when the user wants that. A store
 * that has it not, or cannot be reached, is passed over with a warning; wrong bytes stop everything, and nothing of them
 * is kept. In an `edited` checkout it is the `-dev` artifact, bundled or built, and no store is asked.
 * @throws NotFoundError `NOT_FOUND`: no pin for the target, or no place has it; `BUILD_DECLINED`; IntegrityError
 * `DIGEST_MISMATCH`, `TOO_LARGE`; PolicyError `ATTESTATION_WRONG`, `ATTESTATION_UNTRUSTED`, `ATTESTATION_MISSING`,
 * `REVOKED`, `NO_ANCHOR` for a local build in CI; RemoteError `UNREACHABLE` when a store that may have it could not be
 * asked, `OFFLINE`, `STORAGE`; as building it; the signal's reason.
 */
export async function resolveArtifact(request: ResolveRequest): Promise<Resolution> {
  if (request.install?.state === 'edited') {
    const { resolveLocalBuild } = await import('./local-build.ts');
    return await resolveLocalBuild(request);
  }
  const search = await startSearch(request, false);
  return await withTrail(search, () => resolveFrom(search));
}

async function resolveFrom(search: Search): Promise<Resolution> {
  const { request } = search;
  search.revocations?.refuse(search.artifact);
  if (request.asksRevocations === true && !request.offline) await refuseRevokedByStores(search);
  const found = await firstFound(search);
  if (found?.path != null) return await resolutionOf(search, { ...found, path: found.path });
  const { notResolved } = await import('./not-resolved.ts');
  throw notResolved(search);
}

/**
 * Takes the same way as {@link resolveArtifact}, but downloads and builds nothing: stores are asked whether they have the
 * file. Finding nothing is a result.
 * @throws NotFoundError `NOT_FOUND` when the target is not pinned; IntegrityError `DIGEST_MISMATCH` for a bundled file;
 * PolicyError `NO_ANCHOR`; RemoteError `STORAGE`; the signal's reason.
 */
export async function planResolution(request: ResolveRequest): Promise<ResolutionPlan> {
  if (request.install?.state === 'edited') {
    const { planLocalBuild } = await import('./local-build.ts');
    return await planLocalBuild(request);
  }
  const search = await startSearch(request, true);
  const found = await withTrail(search, () => firstFound(search));
  const { name, digest, target } = search.artifact;
  return {
    name,
    digest,
    target,
    tier: found?.tier ?? null,
    where: found?.path ?? found?.url ?? null,
    trail: search.trail,
  };
}

async function startSearch(request: ResolveRequest, dryRun: boolean): Promise<Search> {
  request.signal?.throwIfAborted();
  const artifact = await pinnedArtifact(request.pins, request.target);
  const revocations = (await mayBeRevoked(request.pins)) ? await request.openRevocations() : undefined;
  return { request, artifact, trail: [], revocations, dryRun };
}

/**
 * What the sums file pins for a target.
 * @throws NotFoundError `NOT_FOUND` naming the targets that are pinned.
 */
export async function pinnedArtifact(pins: ToolPins, target: Target): Promise<PinnedArtifact> {
  const name = { tool: pins.tool, target, version: pins.version, dev: false };
  const digest = pinOf(pins.sums, name);
  if (digest !== undefined) return { name: formatArtifactName(name), target, digest };
  const { notPinned } = await import('./not-resolved.ts');
  throw notPinned(pins, target);
}

async function firstFound(search: Search): Promise<Found | undefined> {
  for (const [index, tier] of TIERS.entries()) {
    const found = await tier.look(search);
    if (found === undefined) continue;
    skipRest(search, TIERS.slice(index + 1));
    return found;
  }
  return undefined;
}

function skipRest(search: Search, tiers: readonly Tier[]): void {
  for (const tier of tiers) {
    for (const place of tier.places(search)) report(search, tier.name, place, 'skipped', 'it was found before');
  }
}

async function resolutionOf(search: Search, found: Found & { readonly path: string }): Promise<Resolution> {
  const { name, digest, target } = search.artifact;
  const { size } = await onDisk('examine', found.path, () => stat(found.path));
  const attestation = await attestationOf(search, found);
  const { path, tier, url, store } = found;
  const install = search.request.install ?? null;
  const { trail } = search;
  return { name, dev: false, path, digest, size, target, tier, url, store, attestation, install, trail };
}

/**
 * Whether more than a digest decides on what a project uses: then whoever has an artifact's bytes already resolves it all
 * the same.
 */
export async function asksForTrust(pins: ToolPins): Promise<boolean> {
  return looksAtAttestations(pins.attestation) || (await mayBeRevoked(pins));
}

/** There is a list, or a key that could have signed one. */
async function mayBeRevoked({ attestation, revocationFile }: ToolPins): Promise<boolean> {
  if (attestation.publicKeys.length > 0) return true;
  return revocationFile !== undefined && (await isThere(revocationFile));
}

/** Links are not followed: a dangling one is a list that cannot be read. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false;
    throw storageError(error, 'examine', path);
  }
}

async function attestationOf(
  search: Search,
  found: Found & { readonly path: string },
): Promise<Resolution['attestation']> {
  if (!looksAtAttestations(search.request.pins.attestation)) return null;
  const { verifyAttested } = await import('./attested.ts');
  return await verifyAttested(search, found);
}
