import { digestFromHex, type Digest } from '../core/digest.ts';
import { IntegrityError } from '../core/errors.ts';
import { isLoopback } from '../core/loopback.ts';
import { quoted } from '../core/printable.ts';
import { displayUrl } from '../transfer/display-url.ts';
import { factsOf, nameOf, notCached, verifyPin, type AcquiredPack, type WantedPack } from './acquired-pack.ts';
import { downloadPack } from './download-pack.ts';
import { isPack } from './pack/verify-pack.ts';
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
 * @throws NotFoundError `NOT_FOUND`; IntegrityError `DIGEST_MISMATCH`, `MALFORMED`, `TOO_LARGE`; RemoteError, `OFFLINE` among
 * them; the signal's reason.
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
  const { pin, fresh = false } = wanted;
  const find = (): Promise<AcquiredPack | undefined> => findPack(wanted, key, origins);
  const mayBeOld = pin === undefined || fresh;
  if (origins.offline || !mayBeOld) {
    const found = await find();
    if (found !== undefined) return found;
    if (origins.offline) throw notCached(wanted);
  }
  const url = locate();
  const fetch = (): Promise<AcquiredPack> => download(wanted, key, origins, url);
  if (mayBeOld) return await fetch();
  const { locks, signal } = origins;
  return await locks.withLock(pin, async () => (await find()) ?? (await fetch()), { signal, meanwhile: find });
}

/** What is locked, else what the reference stood for last; what is no pack does not stand before one that is. */
async function findPack(
  { pin, dependency }: WantedPack,
  { reference, store }: CacheKey,
  { cache, signal }: PackOrigins,
): Promise<AcquiredPack | undefined> {
  const { id: extensionId, reference: resolvedRef } = dependency;
  for (const digest of pin === undefined ? await cache.recall(reference, store) : [pin]) {
    const kept = (await cache.read(digest, signal)) ?? (store && (await cache.readNamed(store, digest)));
    if (kept === undefined || (pin === undefined && !(await isPack(kept.bytes, { extensionId, signal })))) continue;
    return { ...kept, pinned: digest, resolvedRef, mediaType: undefined, tier: 'cache', where: digest };
  }
  return undefined;
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
  const { id: extensionId, reference: resolvedRef } = wanted.dependency;
  if (await isPack(bytes, { extensionId, signal })) await origins.cache.remember(reference, digest, store);
  return { bytes, digest, pinned: digest, resolvedRef, mediaType: undefined, tier: 'network', where };
}

/** A store that does not send it leaves it to a lock. */
function verifyAdvertised(wanted: WantedPack, { headers, url }: OfferedFile, actual: Digest): void {
  const told = headers.get(DIGEST_HEADER)?.trim();
  if (told === undefined || digestFromHex(told) === actual) return;
  const what = `${DIGEST_HEADER} says ${quoted(told)}, and its bytes have ${actual}`;
  throw new IntegrityError('DIGEST_MISMATCH', `${nameOf(wanted)} failed its integrity check: ${url}: ${what}`, {
    hint: 'nothing of it was kept: try again, and if that does not help tell who runs the store',
    details: { ...factsOf(wanted), expected: told.slice(0, 200), actual },
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
