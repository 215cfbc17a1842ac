import { digestFromHex, type Digest } from '../core/digest.ts';
import { IntegrityError } from '../core/errors.ts';
import { isLoopback } from '../core/loopback.ts';
import { quoted } from '../core/printable.ts';
import { displayUrl } from '../transfer/display-url.ts';
import { nameOf, notCached, verifyPin, type AcquiredPack, type WantedPack } from './acquired-pack.ts';
import { downloadPack } from './download-pack.ts';
import type { KeptPack } from './pack-cache.ts';
import type { OfferedFile, PackOrigins } from './pack-origins.ts';
import { formatStoreRef, storeArtifactUrl, type StoreRef } from './store-ref.ts';

/** The header in which a store tells the digest of an artifact, as 64 hex digits. */
const DIGEST_HEADER = 'x-artifact-sha256';

/**
 * Acquires a pack from the extension store. What is locked comes from the cache when it is there; what is not is asked for
 * each time, because the store may have other bytes by now.
 * @throws UsageError `USAGE` when no store is named and one has to be asked; as {@link acquireHttp}.
 */
export async function acquireFromStore(
  wanted: WantedPack,
  store: StoreRef,
  origins: PackOrigins,
): Promise<AcquiredPack> {
  return await acquire(wanted, { reference: formatStoreRef(store), store }, origins, () =>
    storeArtifactUrl(origins.storeBase(nameOf(wanted)), store),
  );
}

/**
 * Acquires a pack from any server, in the same way.
 * @throws NotFoundError `NOT_FOUND`; IntegrityError `DIGEST_MISMATCH`, `TOO_LARGE`; RemoteError, `OFFLINE` among them; the
 * signal's reason.
 */
export async function acquireHttp(wanted: WantedPack, url: string, origins: PackOrigins): Promise<AcquiredPack> {
  return await acquire(wanted, { reference: url, store: undefined }, origins, () => url);
}

/** By what the cache knows a pack. */
interface CacheKey {
  readonly reference: string;
  readonly store: StoreRef | undefined;
}

async function acquire(
  wanted: WantedPack,
  key: CacheKey,
  origins: PackOrigins,
  locate: () => string,
): Promise<AcquiredPack> {
  const { cache, locks, offline, signal } = origins;
  const { pin } = wanted;
  if (pin === undefined) {
    if (!offline) return await download(wanted, key, origins, locate());
    const recalled = await cache.recall(key.reference, key.store);
    const kept = recalled && (await findPack(recalled, key, origins));
    if (kept === undefined) throw notCached(wanted);
    return fromCache(wanted, kept);
  }
  const find = (): Promise<KeptPack | undefined> => findPack(pin, key, origins);
  const found = wanted.fresh === true && !offline ? undefined : await find();
  if (found !== undefined) return fromCache(wanted, found);
  if (offline) throw notCached(wanted);
  const url = locate();
  if (wanted.fresh === true) return await download(wanted, key, origins, url);
  const others = async (): Promise<AcquiredPack | undefined> => {
    const kept = await find();
    return kept && fromCache(wanted, kept);
  };
  return await locks.withLock(pin, async () => (await others()) ?? (await download(wanted, key, origins, url)), {
    signal,
    meanwhile: others,
  });
}

async function findPack(
  digest: Digest,
  { store }: CacheKey,
  { cache, signal }: PackOrigins,
): Promise<KeptPack | undefined> {
  return (await cache.read(digest, signal)) ?? (store && (await cache.readNamed(store, digest)));
}

function fromCache({ dependency: { reference } }: WantedPack, { bytes, digest }: KeptPack): AcquiredPack {
  return { bytes, digest, pinned: digest, resolvedRef: reference, mediaType: undefined, tier: 'cache', where: digest };
}

async function download(
  wanted: WantedPack,
  { reference, store }: CacheKey,
  origins: PackOrigins,
  url: string,
): Promise<AcquiredPack> {
  warnOfPlainHttp(wanted, url, origins);
  const { signal } = origins;
  const question = {
    where: displayUrl(url),
    ask: () => origins.get(url, { signal }),
    verify(measured: { readonly digest: Digest }, file: OfferedFile) {
      if (store !== undefined) verifyAdvertised(wanted, file, measured.digest);
      verifyPin(wanted, file.url, measured.digest);
    },
  };
  const { bytes, digest, url: where } = await downloadPack(wanted, question, origins);
  await origins.cache.remember(reference, digest, store);
  const { reference: resolvedRef } = wanted.dependency;
  return { bytes, digest, pinned: digest, resolvedRef, mediaType: undefined, tier: 'network', where };
}

/** A store that does not send it leaves it to a lock. */
function verifyAdvertised(wanted: WantedPack, { headers, url }: OfferedFile, actual: Digest): void {
  const told = headers.get(DIGEST_HEADER)?.trim();
  if (told === undefined || digestFromHex(told) === actual) return;
  const { id, reference } = wanted.dependency;
  const what = `${DIGEST_HEADER} says ${quoted(told)}, and its bytes have ${actual}`;
  throw new IntegrityError('DIGEST_MISMATCH', `${nameOf(wanted)} failed its integrity check: ${url}: ${what}`, {
    hint: 'nothing of it was kept: try again, and if that does not help tell who runs the store',
    details: { extension: id, reference, expected: told.slice(0, 200), actual },
  });
}

/** Whoever stands between could give other bytes, and nothing would tell. */
function warnOfPlainHttp(wanted: WantedPack, url: string, { reporter }: PackOrigins): void {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:' || wanted.pin !== undefined || isLoopback(hostname)) return;
  reporter.notice({
    kind: 'warning',
    text: `${nameOf(wanted)} comes over plain HTTP, and no lock says what it has to be`,
    hint: 'use https, or lock it with "toolcrib ext lock" where the network is trusted',
  });
}
