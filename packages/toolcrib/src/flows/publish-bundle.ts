import type { AttestationFile } from '../attestations/attestation.ts';
import type { OpenedBundle } from '../bundle/bundle-content.ts';
import type { Digest } from '../core/digest.ts';
import { NotFoundError, PolicyError } from '../core/errors.ts';
import { attestedName, releaseManifestName, revocationListName, storedSumsName } from '../core/release-names.ts';
import { parseReleaseManifest, type ReleaseManifest } from '../core/release.ts';
import type { Sums } from '../core/sums.ts';
import { readVerified } from '../disk/digest-file.ts';
import { manifestNaming, type CopiedRelease } from '../mirror/copied-release.ts';
import { copyRelease, type CopyReport } from '../mirror/copy-release.ts';
import { createRevocations, type MirroredRevocations } from '../mirror/mirror-revocations.ts';
import { heldFile, readyFile, type OutgoingFile } from '../releases/outgoing-file.ts';
import { judgeArtifact, type ReleaseTrust, type TrustedRelease } from '../releases/release-trust.ts';
import { siftAttestations, type LeftOutAttestation } from '../releases/sift-attestations.ts';
import { verifyUnpinned } from '../releases/unpinned-release.ts';
import type { Store } from '../stores/store.ts';
import type { Host } from './host.ts';

/** A bundle whose artifacts are in the cache, on its way into a store. */
export interface KeptBundle extends TrustedRelease {
  readonly bundle: OpenedBundle;
  /** Absolute path of the bundle. */
  readonly path: string;
  readonly sums: Sums;
  /** Absolute paths of its artifacts, by digest. */
  readonly paths: ReadonlyMap<Digest, string>;
  readonly trust: ReleaseTrust;
  /** True: what the policy does not verify goes into the store, too. */
  readonly unverified: boolean;
  /** True: where the project does not pin it, it may have fewer targets than the project. */
  readonly partial: boolean;
}

/** What became of a bundle in a store. */
export interface StoredBundle extends CopyReport {
  /** As the user wrote it. */
  readonly store: string;
  /** Of the list of revoked releases. */
  readonly revocations: MirroredRevocations;
  /** Attestations of the bundle that did not go into the store. */
  readonly leftOut: readonly LeftOutAttestation[];
  /** Targets of the project that it lacks, in their written form: only where fewer are enough. */
  readonly missingTargets: readonly string[];
}

/**
 * Brings the release of a bundle into a store as a mirror does.
 * @throws PolicyError `NO_ANCHOR`; NotFoundError `NOT_FOUND` when the bundle does not hold all of the release; as
 * `verifyUnpinned`, `copyRelease`.
 */
export async function publishBundle(kept: KeptBundle, store: Store, host: Host): Promise<StoredBundle> {
  if (kept.anchor === 'none') throw noAnchor(kept, store);
  const { bundle, path: where, trust, sums } = kept;
  const { commit } = manifestIn(kept).source;
  const missingTargets = verifyUnpinned({ ...bundle, sums, commit, where }, kept, trust, kept);
  const { reporter, signal } = host;
  const { taken, leftOut } = siftAttestations({ sums, attestations: attestationsIn(kept) }, trust, kept);
  const release = releaseOf(kept, taken, host);
  const revocations = await copyRevocations(kept, store, signal);
  const report = await copyRelease(release, store, {
    reporter,
    signal,
    judgeKept: (file) => void judgeArtifact(attestedName(file.name) ?? '', { sums, attestations: [file] }, trust),
  });
  return { store: store.reference, ...report, revocations, leftOut, missingTargets };
}

async function copyRevocations(
  { bundle, path, trust, unverified }: KeptBundle,
  store: Store,
  signal: AbortSignal | undefined,
): Promise<MirroredRevocations> {
  const { tool, files } = bundle;
  const name = revocationListName(tool);
  const list = files.get(name);
  const offered = list && { bytes: list, where: `${path}: ${name}` };
  const known = trust.revocations.lists();
  return await createRevocations(offered, store, { tool, keys: trust.keys, known, unverified, signal });
}

function attestationsIn({ bundle }: KeptBundle): readonly AttestationFile[] {
  return [...bundle.files].flatMap(([name, bytes]) => (attestedName(name) === undefined ? [] : [{ name, bytes }]));
}

function releaseOf(kept: KeptBundle, attestations: readonly AttestationFile[], { signal }: Host): CopiedRelease {
  const { bundle, path, sums, paths } = kept;
  const { tool, version } = bundle;
  const claim = storedSumsName(tool, version);
  const artifacts = [...bundle.artifacts].sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    tool,
    version,
    sums,
    notes: `Loaded from a bundle by toolcrib.\n`,
    files: [
      heldFile(claim, 'claim', bytesOf(kept, claim)),
      ...artifactNames(kept).map((name) => {
        const file = artifacts.find((artifact) => artifact.name === name);
        const at = file && paths.get(file.digest);
        if (file === undefined || at === undefined) throw incomplete(path, tool, version, [name]);
        return cachedFile({ ...file, path: at }, signal);
      }),
      ...attestations.map(({ name, bytes }) => heldFile(name, 'attestation', bytes)),
      manifestOf(kept, attestations),
    ],
  };
}

/** @throws NotFoundError `NOT_FOUND` naming the artifacts that are missing. */
function artifactNames({ bundle, path, sums }: KeptBundle): readonly string[] {
  const there = new Set(bundle.artifacts.map(({ name }) => name));
  const missing = [...sums.keys()].filter((name) => !there.has(name));
  if (missing.length > 0) throw incomplete(path, bundle.tool, bundle.version, missing);
  return [...sums.keys()];
}

function manifestIn(kept: KeptBundle): ReleaseManifest {
  const { bundle, path } = kept;
  const name = releaseManifestName(bundle.tool, bundle.version);
  return parseReleaseManifest(Buffer.from(bytesOf(kept, name)).toString(), `${path}: ${name}`);
}

function manifestOf(kept: KeptBundle, taken: readonly AttestationFile[]): OutgoingFile {
  const name = releaseManifestName(kept.bundle.tool, kept.bundle.version);
  return heldFile(name, 'manifest', manifestNaming(taken, manifestIn(kept), bytesOf(kept, name)));
}

function bytesOf({ bundle, path }: KeptBundle, name: string): Uint8Array {
  const bytes = bundle.files.get(name);
  if (bytes === undefined) throw incomplete(path, bundle.tool, bundle.version, [name]);
  return bytes;
}

function cachedFile(
  { name, digest, size, path }: { name: string; digest: Digest; size: number; path: string },
  signal: AbortSignal | undefined,
): OutgoingFile {
  const open = () => readVerified(path, { digest, size }, { signal, followLinks: false });
  return readyFile(name, 'artifact', { digest, size, open });
}

function noAnchor({ bundle, path }: KeptBundle, store: Store): PolicyError {
  const { tool, version } = bundle;
  const what = `nobody vouches for ${tool} v${version} in ${path}, so it does not go into ${store.reference}`;
  return new PolicyError('NO_ANCHOR', what, {
    hint:
      'run it in a checkout whose sums file pins that version, or trust its signer under "attestation"; ' +
      'its bytes are in the cache by their digests, which harms nobody',
    details: { tool, version, path },
  });
}

function incomplete(path: string, tool: string, version: number, missing: readonly string[]): NotFoundError {
  const what = `${path} does not hold all of ${tool} v${version}: ${missing.join(', ')} is missing`;
  return new NotFoundError('NOT_FOUND', what, {
    hint: 'a store has a whole release or none: make the bundle without --target, from a store',
    details: { tool, version, missing },
  });
}
