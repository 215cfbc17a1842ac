import { resolve } from 'node:path';
import type { AttestationFile } from '../attestations/attestation.ts';
import type { OpenedBundle } from '../bundle/bundle-content.ts';
import { sumsOfBundle } from '../bundle/interpret-layout.ts';
import { keepArtifacts } from '../bundle/keep-artifacts.ts';
import { openBundle } from '../bundle/read-bundle.ts';
import { saveAttestations, type SavedAttestation } from '../cache/attestation-files.ts';
import type { ToolPins } from '../config/config.ts';
import { anchorStore } from '../config/read-config.ts';
import type { Digest } from '../core/digest.ts';
import { TRUSTED_ROOT_NAME } from '../core/oci-release.ts';
import { onePiece } from '../core/one-piece.ts';
import { attestedName, revocationListName } from '../core/release-names.ts';
import { parseStoreReference } from '../core/reference.ts';
import type { Sums } from '../core/sums.ts';
import { verifyRelease, type Anchor, type JudgedArtifact, type ReleaseTrust } from '../releases/release-trust.ts';
import type { ReadableStore } from '../releases/stored-file.ts';
import type { Store } from '../stores/store.ts';
import { keepTrustedRoot, type BundledRootOutcome } from './bundled-root.ts';
import type { Host } from './host.ts';
import { collectStores } from './open-store.ts';
import type { Project } from './project.ts';
import { publishBundle, type KeptBundle, type StoredBundle } from './publish-bundle.ts';
import { openReleaseTrust } from './release-trust.ts';
import { cacheOf } from './resolve-artifact.ts';

export interface LoadBundleOptions {
  /** Reference of a store that gets the release, too. */
  readonly to?: string;
  /** True: attestations that the policy does not verify go into that store, too, and a list of revoked releases. */
  readonly unverifiedAttestations?: boolean;
  /** True: a version that the project does not pin may go into that store with fewer targets than the project. */
  readonly partial?: boolean;
}

/** An artifact of a bundle that is in the cache now. */
export interface LoadedArtifact extends JudgedArtifact {
  /** Absolute. */
  readonly path: string;
}

/** What became of a bundle. */
export interface LoadedBundle {
  /** Absolute path of the bundle. */
  readonly path: string;
  readonly tool: string;
  readonly version: number;
  /** `none`: its bytes are in the cache by their digests, and nobody vouches for them. */
  readonly anchor: Anchor;
  readonly artifacts: readonly LoadedArtifact[];
  readonly attestations: readonly SavedAttestation[];
  readonly trustedRoot: BundledRootOutcome;
  /** Whether it brought a list of revoked releases; it counts when a key of the policy signed it. */
  readonly revocations: boolean;
  /** Null unless a store was given. */
  readonly store: StoredBundle | null;
}

/**
 * Takes over what is in a bundle: artifacts and attestations into the cache, and, when the project vouches for the
 * release, the whole of it into a store.
 * @param file relative to the host's working directory.
 * @throws IntegrityError `MALFORMED`, `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `TOO_LARGE` for a damaged bundle or one that the
 * project's pins contradict; PolicyError as `verifyRelease`, `NO_ANCHOR` when it shall go into a store and nobody vouches
 * for it; NotFoundError `NOT_FOUND`, also for a store when targets are missing; what `copyRelease` throws; RemoteError;
 * the signal's reason.
 */
export async function loadBundle(
  project: Project,
  host: Host,
  file: string,
  options: LoadBundleOptions = {},
): Promise<LoadedBundle> {
  const pins = await project.readPins();
  const reference = options.to === undefined ? undefined : anchorStore(parseStoreReference(options.to), host.cwd);
  const path = resolve(host.cwd, file);
  const bundle = await openBundle(path, { signal: host.signal });
  const stores = collectStores(host, pins.rewrite);
  try {
    const store = reference === undefined ? undefined : await stores.open(reference);
    const { unverifiedAttestations: unverified = false, partial = false } = options;
    return await load(pins, host, { bundle, path, store, unverified, partial });
  } finally {
    await stores.close();
  }
}

interface Loading extends Pick<KeptBundle, 'bundle' | 'path' | 'unverified' | 'partial'> {
  readonly store: Store | undefined;
}

async function load(pins: ToolPins, host: Host, { store, ...loading }: Loading): Promise<LoadedBundle> {
  const { bundle, path } = loading;
  const { tool, version } = bundle;
  const sums = sumsOfBundle(bundle, path);
  const root = await keepTrustedRoot(bundle.files.get(TRUSTED_ROOT_NAME), pins.attestation, host);
  const others = store === undefined ? [] : [store];
  const trust = await openReleaseTrust(pins, host, tool, [...others, asStore(bundle, path)]);
  const { anchor, artifacts } = judge(bundle, sums, path, trust);
  const paths = await keepArtifacts(path, bundle, cacheOf(host), host);
  const attestations = await keepAttestations(bundle, artifacts, host);
  const release = { ...loading, sums, anchor, artifacts, paths, trust };
  return {
    path,
    tool,
    version,
    anchor,
    artifacts: artifacts.map((artifact) => ({ ...artifact, path: pathOf(artifact.digest, paths) })),
    attestations,
    trustedRoot: root,
    revocations: bundle.files.has(revocationListName(tool)),
    store: store === undefined ? null : await publishBundle(release, store, host),
  };
}

/** A bundle is asked for a list of revoked releases as stores are. */
function asStore({ files }: OpenedBundle, path: string): ReadableStore {
  return {
    reference: path,
    fetch(name) {
      const bytes = files.get(name);
      return Promise.resolve(bytes && { size: bytes.byteLength, url: path, bytes: onePiece(bytes) });
    },
  };
}

function judge(bundle: OpenedBundle, sums: Sums, where: string, trust: ReleaseTrust) {
  const { tool, version } = bundle;
  const artifacts = bundle.artifacts.map(({ name }) => name);
  return verifyRelease({ tool, version, sums, artifacts, attestations: attestationsIn(bundle), where }, trust);
}

function attestationsIn({ files }: OpenedBundle): readonly AttestationFile[] {
  return [...files].flatMap(([name, bytes]) => (attestedName(name) === undefined ? [] : [{ name, bytes }]));
}

/** What was verified takes the place of what the cache has; what nobody looked at does not. */
async function keepAttestations(
  bundle: OpenedBundle,
  artifacts: readonly JudgedArtifact[],
  { cacheDirectory, clock, signal }: Host,
): Promise<readonly SavedAttestation[]> {
  const saved: SavedAttestation[] = [];
  for (const { name, digest, attestation } of artifacts) {
    const files = attestationsIn(bundle).filter((file) => attestedName(file.name) === name);
    const options = { now: clock.now(), replace: attestation === 'verified', signal };
    saved.push(...(await saveAttestations(cacheDirectory, digest, files, options)));
  }
  return saved;
}

/** Where the cache has an artifact of the bundle. */
function pathOf(digest: Digest, paths: ReadonlyMap<Digest, string>): string {
  const path = paths.get(digest);
  if (path === undefined) throw new Error(`${digest} was not kept`);
  return path;
}
