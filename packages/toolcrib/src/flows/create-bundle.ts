import { resolve } from 'node:path';
import type { AttestationFile } from '../attestations/attestation.ts';
import { readAttestationsBeside } from '../attestations/files-beside.ts';
import { examineArtifact } from '../build/examine-artifact.ts';
import type { BundledFile } from '../bundle/bundle-content.ts';
import { saveBundle } from '../bundle/save-bundle.ts';
import { readAttestations } from '../cache/attestation-files.ts';
import type { ToolPins } from '../config/config.ts';
import { digestOf, type Digest } from '../core/digest.ts';
import { TRUSTED_ROOT_NAME } from '../core/oci-release.ts';
import { attestedName, releaseManifestName, revocationListName, storedSumsName } from '../core/release-names.ts';
import { formatReleaseManifest, RELEASE_SCHEMA, targetsOfSums } from '../core/release.ts';
import { formatSums } from '../core/sums.ts';
import { parseTarget } from '../core/target.ts';
import { readVerified } from '../disk/digest-file.ts';
import { releaseFileOf } from '../publish/release-artifacts.ts';
import { verifyRelease, type TrustedRelease } from '../releases/release-trust.ts';
import type { Resolution } from '../resolve/resolution.ts';
import { chooseTrustedRoot } from './bundled-root.ts';
import type { Host } from './host.ts';
import { collectStores, type OpenStores } from './open-store.ts';
import type { Project } from './project.ts';
import { openReleaseTrust } from './release-trust.ts';
import { resolveTarget } from './resolve-artifact.ts';
import { findRevocations, findStoredAccount, pinsOfVersion, type StoredAccount } from './stored-account.ts';

export interface CreateBundleOptions {
  /** Where the bundle is written; one that is there is replaced. */
  readonly output: string;
  /** Default: the project's current one. */
  readonly version?: number;
  /** In their written form; default: every target of the version. */
  readonly targets?: readonly string[];
  /** A Sigstore trusted root (JSON); default: the one that the policy names. */
  readonly trustedRoot?: string;
}

/** A bundle that was written. */
export interface CreatedBundle extends TrustedRelease {
  readonly tool: string;
  readonly version: number;
  /** Absolute. */
  readonly path: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  /** Names of all files in it, sorted. */
  readonly files: readonly string[];
  /** False when it holds some targets of the release only: then it can go into caches, but not into a store. */
  readonly complete: boolean;
  /** Of the trusted root in it, for "trustedRootDigest" in toolcrib.json; null without one. */
  readonly trustedRootDigest: Digest | null;
}

/**
 * Writes a release, with its stored sums, manifest and attestations, the list of revoked releases and a trusted root, to
 * one file that can be carried over an air gap. Artifacts come from where `resolve` finds them, verified.
 * @throws what `flows/resolve-artifact.ts`, `verifyRelease` and `saveBundle` say; NotFoundError `NOT_FOUND` for a version
 * that nobody tells of; UsageError `TARGET_INVALID`, `USAGE`.
 */
export async function createBundle(project: Project, host: Host, options: CreateBundleOptions): Promise<CreatedBundle> {
  const pins = await project.readPins();
  const stores = collectStores(host, pins.rewrite);
  try {
    return await create(pins, stores, host, options);
  } finally {
    await stores.close();
  }
}

async function create(
  project: ToolPins,
  stores: OpenStores,
  host: Host,
  options: CreateBundleOptions,
): Promise<CreatedBundle> {
  const { tool } = project;
  const version = options.version ?? project.version;
  const account = await findStoredAccount(project, version, stores, host);
  const { pins } = pinsOfVersion(project, version, account);
  const resolutions: Resolution[] = [];
  for (const target of options.targets ?? targetsOfSums(pins.sums)) {
    resolutions.push(await resolveTarget(pins, host, parseTarget(target)));
  }
  const attestations = await attestationsOf(resolutions, account, host);
  const root = await chooseTrustedRoot(pins.attestation, options.trustedRoot, host);
  const trusted = await verify(project, pins, resolutions, attestations, account, host);
  const files = [
    { name: storedSumsName(tool, version), bytes: Buffer.from(formatSums(pins.sums)) },
    ...(await manifestOf(pins, resolutions, attestations, account, host)),
    ...attestations,
    ...named(revocationListName(tool), await findRevocations(pins, account?.store, host)),
    ...named(TRUSTED_ROOT_NAME, root),
  ];
  const artifacts = resolutions.map((found) => bundledArtifact(found, host));
  const path = resolve(host.cwd, options.output);
  const { clock, signal } = host;
  const saved = await saveBundle(path, { tool, version, artifacts, files }, { clock, signal });
  return {
    tool,
    version,
    path,
    ...saved,
    ...trusted,
    files: [...artifacts, ...files].map(({ name }) => name).sort(),
    complete: artifacts.length === pins.sums.size,
    trustedRootDigest: root === undefined ? null : digestOf(root),
  };
}

async function verify(
  project: ToolPins,
  pins: ToolPins,
  resolutions: readonly Resolution[],
  attestations: readonly AttestationFile[],
  account: StoredAccount | undefined,
  host: Host,
): Promise<TrustedRelease> {
  const trust = await openReleaseTrust(project, host, pins.tool, account === undefined ? [] : [account.store]);
  const { tool, version, sums } = account?.release ?? pins;
  const where = account?.store.reference ?? pins.sumsFile;
  const artifacts = resolutions.map(({ name }) => name);
  return verifyRelease({ tool, version, sums, artifacts, attestations, where }, trust);
}

function bundledArtifact({ name, path, digest, size }: Resolution, { signal }: Host) {
  return { name, digest, size, open: () => readVerified(path, { digest, size }, { signal }) };
}

function named(name: string, bytes: Uint8Array | undefined): readonly BundledFile[] {
  return bytes === undefined ? [] : [{ name, bytes }];
}

/** Those of the store, then what lies beside a bundled artifact, then those of the cache: one of each name. */
async function attestationsOf(
  resolutions: readonly Resolution[],
  account: StoredAccount | undefined,
  host: Host,
): Promise<readonly AttestationFile[]> {
  const found = new Map<string, AttestationFile>();
  for (const { name, path, digest, tier } of resolutions) {
    const stored = (account?.release.attestations ?? []).filter((file) => attestedName(file.name) === name);
    const beside = tier === 'bundled' ? await readAttestationsBeside(path, name) : [];
    const kept = (await readAttestations(host.cacheDirectory, digest)).filter(
      (file) => attestedName(file.name) === name,
    );
    for (const file of [...kept, ...beside, ...stored]) found.set(file.name, file);
  }
  return [...found.values()];
}

/**
 * The manifest as a store has it. Without a store it is made from the artifacts, where all are there; nobody knows then
 * what they were built from.
 */
async function manifestOf(
  { tool, version, sums, entrypoint }: ToolPins,
  resolutions: readonly Resolution[],
  attestations: readonly AttestationFile[],
  account: StoredAccount | undefined,
  { signal }: Host,
): Promise<readonly BundledFile[]> {
  const name = releaseManifestName(tool, version);
  if (account !== undefined) return [{ name, bytes: account.release.manifestBytes }];
  if (resolutions.length !== sums.size) return [];
  const files = [];
  for (const { name: artifact, path, target } of resolutions) {
    const attestation = attestations.find((file) => attestedName(file.name) === artifact)?.name ?? null;
    const built = await examineArtifact(path, { tool, version, target, dev: false }, entrypoint, signal);
    files.push(releaseFileOf(built, attestation));
  }
  const source = { commit: null, date: null };
  return [
    { name, bytes: Buffer.from(formatReleaseManifest({ schema: RELEASE_SCHEMA, tool, version, source, files })) },
  ];
}
