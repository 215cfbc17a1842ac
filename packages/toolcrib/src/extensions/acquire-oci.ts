import { verifyExpected, type Digest } from '../core/digest.ts';
import { IntegrityError, UsageError } from '../core/errors.ts';
import type { OciDescriptor } from '../core/oci-descriptor.ts';
import { locateBelow, pinOciName, type OciLocation } from '../core/oci-location.ts';
import { quoted } from '../core/printable.ts';
import {
  factsOf,
  inTheNameOf,
  nameOf,
  notCached,
  notThere,
  tagNotAsked,
  type AcquiredPack,
  type WantedPack,
} from './acquired-pack.ts';
import { downloadPack } from './download-pack.ts';
import { PACK_LIMITS } from './pack/limits.ts';
import { createPackRefusal } from './pack/pack-refusal.ts';
import { PACK_MEDIA_TYPE, parsePackManifest } from './pack-manifest.ts';
import type { PackOrigins } from './pack-origins.ts';

/** Whatever else it is for, a toolcrib.json has a tool and its targets. */
const EXAMPLE = '{"tool": "none", "targets": ["amd64"], "repoBase": "https://images.example.com/extensions"}';

/**
 * Acquires a pack that stands below `repoBase`.
 * @throws UsageError `CONFIG_INVALID` when the configuration has no `repoBase`; as {@link acquireOci}.
 */
export async function acquireFromRepo(wanted: WantedPack, name: string, origins: PackOrigins): Promise<AcquiredPack> {
  if (origins.repoBase !== undefined) return await acquireOci(wanted, locateBelow(origins.repoBase, name), origins);
  throw new UsageError('CONFIG_INVALID', `${nameOf(wanted)} needs "repoBase" in toolcrib.json, and it is not there`, {
    hint: `add it; where no tool is built the whole file is e.g. ${EXAMPLE}`,
    details: factsOf(wanted),
  });
}

/**
 * Acquires a pack that is the one layer of an artifact of a registry. What is pinned is the digest of the manifest, which
 * has the digest of the layer in it; what has no digest in its reference and no lock is not asked for.
 * @throws UsageError `LOCK_OUTDATED` for a tag that is not locked; NotFoundError `NOT_FOUND`; IntegrityError
 * `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `MALFORMED`, `TOO_LARGE`; RemoteError, `OFFLINE` among them; the signal's reason.
 */
export async function acquireOci(
  wanted: WantedPack,
  location: OciLocation,
  origins: PackOrigins,
): Promise<AcquiredPack> {
  const to = wantedManifest(wanted, location);
  const manifest = await findManifest(wanted, to, location, origins);
  const refuse = (what: string): IntegrityError => malformed(wanted, manifest.digest, what);
  const layer = parsePackManifest(manifest.bytes, refuse);
  // Whoever names a digest knows what it is; a tag says nothing about that.
  if (location.digest === undefined && wanted.pin === undefined && layer.mediaType !== PACK_MEDIA_TYPE) {
    throw refuse(`its layer is ${quoted(layer.mediaType)}, expected ${PACK_MEDIA_TYPE}`);
  }
  const { maxPackBytes } = PACK_LIMITS;
  if (layer.size > maxPackBytes) {
    throw createPackRefusal(wanted.dependency.id).tooLarge(`${layer.size} bytes by its manifest`, maxPackBytes);
  }
  const pack = await findLayer(wanted, layer, location, origins);
  // Kept when its pack is: a collection takes one that is alone, even while the pack comes.
  if ([manifest.tier, pack.tier].includes('network')) await origins.cache.keepManifest(manifest.bytes);
  const resolvedRef = pinOciName(wanted.dependency.reference.trim(), manifest.digest);
  return { ...pack, pinned: manifest.digest, resolvedRef, mediaType: layer.mediaType };
}

/** The digest or the tag of the manifest. */
function wantedManifest(wanted: WantedPack, { digest, tag }: OciLocation): string {
  const { pin, followTags = false } = wanted;
  if (pin !== undefined && digest !== undefined && pin !== digest) {
    throw new IntegrityError(
      'DIGEST_MISMATCH',
      `${nameOf(wanted)} has another digest than its lock, which pins ${pin}`,
      {
        hint: 'find out who changed one of them; "toolcrib ext lock" locks what is declared',
        details: { ...factsOf(wanted), expected: pin, actual: digest },
      },
    );
  }
  const known = pin ?? digest;
  if (known !== undefined) return known;
  if (followTags) return tag ?? 'latest';
  throw new UsageError('LOCK_OUTDATED', `${nameOf(wanted)} has no digest, and nothing is locked`, {
    hint: '"toolcrib ext lock" resolves the tag and pins what it names now',
    details: factsOf(wanted),
  });
}

interface Manifest {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly tier: 'cache' | 'network';
}

async function findManifest(
  wanted: WantedPack,
  to: string,
  location: OciLocation,
  { cache, offline, openRegistry, signal }: PackOrigins,
): Promise<Manifest> {
  const digest = wanted.pin ?? location.digest;
  if (digest !== undefined) {
    const bytes = await cache.readManifest(digest);
    if (bytes !== undefined) return { bytes, digest, tier: 'cache' };
  }
  if (offline) throw digest === undefined ? tagNotAsked(wanted) : notCached(wanted);
  const registry = await openRegistry(location.repository);
  const pulled = await registry.pullManifest(to, { signal }).catch((error: unknown) => {
    throw inTheNameOf(wanted, error);
  });
  if (pulled === undefined) throw notThere(wanted, `${location.repository.url}, which has no manifest ${quoted(to)}`);
  return { bytes: pulled.bytes, digest: pulled.digest, tier: 'network' };
}

type FoundLayer = Pick<AcquiredPack, 'bytes' | 'digest' | 'tier' | 'where'>;

async function findLayer(
  wanted: WantedPack,
  layer: OciDescriptor,
  location: OciLocation,
  origins: PackOrigins,
): Promise<FoundLayer> {
  const { cache, locks, offline, signal } = origins;
  const { digest, size } = layer;
  const find = async (): Promise<FoundLayer | undefined> => {
    const kept = await cache.read(digest, signal);
    if (kept === undefined) return undefined;
    // A manifest that says another size is wrong, whoever fetched the layer by another one.
    verifyExpected(`${nameOf(wanted)}: its layer ${digest}`, { digest, size }, { digest, size: kept.bytes.byteLength });
    return { ...kept, tier: 'cache', where: digest };
  };
  const found = await find();
  if (found !== undefined) return found;
  if (offline) throw notCached(wanted);
  const download = (): Promise<FoundLayer> => downloadLayer(wanted, layer, location, origins);
  return await locks.withLock(digest, async () => (await find()) ?? (await download()), { signal, meanwhile: find });
}

async function downloadLayer(
  wanted: WantedPack,
  { digest, size }: OciDescriptor,
  { repository }: OciLocation,
  origins: PackOrigins,
): Promise<FoundLayer> {
  const { signal } = origins;
  const registry = await origins.openRegistry(repository);
  const question = {
    where: `its registry, which has the manifest and lacks its layer ${digest}`,
    ask: () => registry.openBlob(digest, { signal }),
    expected: { digest, size },
  };
  const { url: where, ...pack } = await downloadPack(wanted, question, origins);
  return { ...pack, tier: 'network', where };
}

function malformed(wanted: WantedPack, digest: Digest, what: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${nameOf(wanted)}: the manifest ${digest} is not that of a pack: ${what}`, {
    hint: 'name an artifact whose one layer is the pack; "toolcrib ext publish" pushes such',
    details: { ...factsOf(wanted), digest },
  });
}
