import { formatArtifactName } from '../../src/core/artifact-name.ts';
import { digestOf } from '../../src/core/digest.ts';
import { releaseManifestName, storedSumsName } from '../../src/core/release-names.ts';
import { formatReleaseManifest, RELEASE_SCHEMA } from '../../src/core/release.ts';
import { formatSums } from '../../src/core/sums.ts';
import { formatTarget, parseTarget } from '../../src/core/target.ts';
import type { ByteSource, FinishedRelease, Store } from '../../src/stores/store.ts';
import { bytesOf, sourceOf } from './store-contract.ts';

/** A release of the tool `tool` that is small, and whole: it has everything that a store can hold of one. */
export interface SampleRelease {
  readonly version: number;
  /** By name, in the order in which they come to be: stored sums, artifacts, an attestation, manifest. */
  readonly files: ReadonlyMap<string, ByteSource>;
}

const TARGETS = ['amd64', 'amd64-musl', 'arm64-any'].map(parseTarget);
const TOOL = 'tool';

/** Other seeds, other bytes. */
export function releaseOfSeed(seed: string, version: number): SampleRelease {
  const artifacts = TARGETS.map((target) => {
    const name = formatArtifactName({ tool: TOOL, target, version, dev: false });
    return { name, target, source: sourceOf(Buffer.from(`${seed} ${name}`.repeat(500))) };
  });
  const sums = formatSums(new Map(artifacts.map(({ name, source }) => [name, source.digest])));
  const attested = artifacts[0]?.name ?? '';
  const files = artifacts.map(({ name, target, source: { digest, size } }) => ({
    ...{ name, target: formatTarget(target), digest, size },
    ...{ mediaType: 'application/octet-stream', glibcFloor: null, attestation: null },
  }));
  const source = { commit: null, date: null };
  const manifest = formatReleaseManifest({ schema: RELEASE_SCHEMA, tool: TOOL, version, source, files });
  return {
    version,
    files: new Map([
      [storedSumsName(TOOL, version), sourceOf(Buffer.from(sums))],
      ...artifacts.map((each): [string, ByteSource] => [each.name, each.source]),
      [`${attested}.dsse.json`, sourceOf(Buffer.from(JSON.stringify({ attests: attested, by: seed })))],
      [releaseManifestName(TOOL, version), sourceOf(Buffer.from(manifest))],
    ]),
  };
}

/** As its publisher says it at the end. */
export function finishedOf({ version, files }: SampleRelease): FinishedRelease {
  const facts = [...files].map(([name, { digest, size }]) => ({ name, digest, size }));
  return { tool: TOOL, version, files: facts, notes: `release ${version}` };
}

/**
 * Publishes as toolcrib does: the claim, and whoever finds another's there stops; every file read back; then completed.
 * @throws Error when a store that is write-once gives back other bytes under an own claim.
 */
export async function publishInto(store: Store, release: SampleRelease): Promise<'complete' | 'lost'> {
  const [claimName = ''] = release.files.keys();
  const claim = release.files.get(claimName)?.digest;
  const isOurs = async (): Promise<boolean> => digestOf(await bytesOf(await store.fetch(claimName))) === claim;
  for (const [name, source] of release.files) {
    await store.create(name, source);
    if (name === claimName && !(await isOurs())) return 'lost';
    const found = digestOf(await bytesOf(await store.fetch(name, { digest: source.digest })));
    if (found === source.digest) continue;
    if (store.guarantee === 'detected' && !(await isOurs())) return 'lost';
    throw new Error(`${name} has digest ${found} under the claim of ${source.digest}`);
  }
  return await store.complete(finishedOf(release));
}
