import { ATTESTATION_SUFFIXES, releaseOf, storedSumsName } from '../../core/release-names.ts';
import { verifyListing } from '../listing-limit.ts';
import { statBlob } from './blobs.ts';
import { fileManifestFrom } from './file-manifest.ts';
import { listTags } from './list-tags.ts';
import { locateFile, readClaimedSums } from './locate-file.ts';
import { pullManifest } from './manifests.ts';
import { releaseIndexFrom } from './release-index.ts';
import type { ReleaseId } from './release-tags.ts';
import type { Repository } from './repository.ts';
import { fileOfTag, versionOfTag, versionTag } from './tags.ts';

/** Requests at a time. */
const WIDTH = 8;

/**
 * Names of all files, unsorted and some more than once: those of complete releases by their indexes, those of a claimed
 * version by its claim, others by their tags.
 * @param prefix what is asked for: versions that cannot have such a name are not read.
 * @throws IntegrityError `TOO_LARGE`; as `RegistrySession.expect`.
 */
export async function listFiles(
  repository: Repository,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const tags = await listTags(repository.session, signal);
  const wanted = tags.filter((tag) => mayHold(tag, prefix));
  const all = new Set(tags);
  let count = 0;
  const names = await inParallel(wanted, async (tag) => {
    const under = await namesUnder(repository, tag, all, signal);
    verifyListing((count += under.length), repository.reference);
    return under;
  });
  return [...names.flat(), ...repository.own.keys()];
}

/** `tool-amd64-v1` begins names of version 1, and of 10. */
function mayHold(tag: string, prefix: string): boolean {
  const version = versionOfTag(tag) ?? releaseOf(tag)?.version;
  const asked = releaseOf(prefix)?.version;
  return version === undefined || asked === undefined || String(version).startsWith(String(asked));
}

async function namesUnder(
  repository: Repository,
  tag: string,
  tags: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  if (versionOfTag(tag) !== undefined) return await namesOfIndex(repository, tag, signal);
  const file = fileOfTag(tag);
  if (file === undefined) return [];
  if (file === 'long') return await longName(repository, tag, signal);
  const release = releaseOf(file.name);
  const isClaim = release !== undefined && file.name === storedSumsName(release.tool, release.version);
  if (!isClaim || tags.has(versionTag(release.version))) return [file.name];
  return [file.name, ...(await namesUnderClaim(repository, release, signal))];
}

async function namesOfIndex(
  { session }: Repository,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const pulled = await pullManifest(session, tag, signal);
  const index = pulled && releaseIndexFrom(pulled.bytes);
  return index === undefined || index.version !== versionOfTag(tag) ? [] : [...index.files.keys()];
}

async function longName(
  { session }: Repository,
  tag: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const pulled = await pullManifest(session, tag, signal);
  const name = pulled && fileManifestFrom(pulled.bytes)?.name;
  return name === undefined ? [] : [name];
}

async function namesUnderClaim(
  repository: Repository,
  release: ReleaseId,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const [name, digest] of (await readClaimedSums(repository, release, signal)) ?? []) {
    if ((await statBlob(repository.session, digest, signal)) === undefined) continue;
    names.push(name);
    for (const suffix of ATTESTATION_SUFFIXES) {
      const attestation = `${name}${suffix}`;
      if ((await locateFile(repository, attestation, signal)) !== undefined) names.push(attestation);
    }
  }
  return names;
}

/** In order, however long each takes. */
async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results = new Map<number, R>();
  const entries = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) results.set(index, await work(item));
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
  return items.flatMap((_item, index) => {
    const result = results.get(index);
    return result === undefined ? [] : [result];
  });
}
