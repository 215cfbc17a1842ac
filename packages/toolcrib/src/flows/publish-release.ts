import { join } from 'node:path';
import type { BuildSource, Signer } from '../attestations/attestation.ts';
import { buildSourceFromEnv, UNKNOWN_SOURCE } from '../attestations/build-source.ts';
import { examineArtifact } from '../build/examine-artifact.ts';
import type { ProjectConfig } from '../config/config.ts';
import { anchorStore } from '../config/read-config.ts';
import { readVersion } from '../config/read-pins.ts';
import { formatArtifactName, type ArtifactName } from '../core/artifact-name.ts';
import { IntegrityError, ToolcribError, UsageError, type ErrorCode, type ErrorDetails } from '../core/errors.ts';
import { formatReceiptMarkdown, type Receipt } from '../core/receipt.ts';
import { parseStoreReference, type StoreReference } from '../core/reference.ts';
import { differentNames, type Sums } from '../core/sums.ts';
import { prepareRelease, type PreparedRelease } from '../publish/prepare-release.ts';
import { publishSigned, type PublishReport, type PublishRequest } from '../publish/publish-release.ts';
import { sumsOfArtifacts, type ReleaseArtifact, type ReleaseSubject } from '../publish/release-artifacts.ts';
import { signRelease, type SignedRelease } from '../publish/release-sources.ts';
import { writeSumsFile } from '../publish/sums-file.ts';
import type { Host } from './host.ts';
import { draftReceipt, finishReceipt, type ReceiptDraft } from './make-receipt.ts';
import { collectStores, type OpenStores } from './open-store.ts';
import { openSigning } from './open-signer.ts';
import { configOf, type Project } from './project.ts';
import { readSource } from './read-source.ts';
import { parseNotifyUrl, sendReceipt } from './send-receipt.ts';

/** Where artifacts were built, as a receipt and their attestations tell it. */
export interface PublishSource extends BuildSource {
  /** Of the commit, ISO 8601; null where nobody knows. */
  readonly date: string | null;
}

export interface PublishOptions {
  /** Stores instead of the configured ones. */
  readonly to?: readonly string[];
  /** True: show what would be done, through the same code. Nothing is written, signed or sent. */
  readonly dryRun?: boolean;
  /** `sigstore`, or the path of an Ed25519 private key; absent: nothing is signed. */
  readonly sign?: string;
  /** A signer that is open already, instead of `sign`. */
  readonly signer?: Signer;
  /** Path of a file that gets the receipt. */
  readonly receipt?: string;
  /** URLs that the receipt is posted to. */
  readonly notify?: readonly string[];
  /** Default `publish`; what the receipt says. */
  readonly action?: Receipt['action'];
  /** Absolute path of a folder that holds the artifacts, instead of the configured one. */
  readonly binaries?: string;
  /** Instead of the one in the version file. */
  readonly version?: number;
  /** Instead of what git and the environment say. */
  readonly source?: PublishSource;
  /** What the artifacts have to be. The sums file is left as it is then: somebody else reviewed these. */
  readonly expectedSums?: Sums;
}

/** What became of a release in each store. */
export interface Publication {
  readonly action: Receipt['action'];
  readonly tool: string;
  readonly version: number;
  readonly dryRun: boolean;
  /** Absolute path of the file that pins the release. */
  readonly sumsFile: string;
  /** False when it had exactly that before, or was not to be written. */
  readonly sumsChanged: boolean;
  /** In the order in which they were published to. */
  readonly stores: readonly StorePublication[];
  /** Null in a dry run, and when no store has the release. */
  readonly receipt: Receipt | null;
  /** The first thing that went wrong after writing began: who has no other use for it throws it. */
  readonly failure: ToolcribError | null;
}

/** What became of a release in one store. */
export interface StorePublication extends PublishReport {
  /** Why the release is not complete there; null when it is, or would be. */
  readonly failure: StoreFailure | null;
}

/** An error as a document. */
export interface StoreFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
  readonly details: ErrorDetails;
}

/**
 * Publishes what lies in the binaries folder. Everything is checked for every store, and signed, before anything is
 * written to the first. Then the sums file is written: no store gets a claim whose pins are not on this disk. Then the
 * stores follow one after the other; one that fails holds up none of the others, and undoes none.
 * @returns also when a store failed after writing began: see `failure`.
 * @throws before anything was written, what `prepareRelease` and `signRelease` say; UsageError `USAGE` without a configuration
 * or a store; NotFoundError `NOT_FOUND` for an artifact that was not built; IntegrityError `DIGEST_MISMATCH` when an
 * artifact is not what is expected. At any time the signal's reason.
 */
export async function publishRelease(project: Project, host: Host, options: PublishOptions = {}): Promise<Publication> {
  const config = configOf(project, 'publish');
  const { dryRun = false, action = 'publish' } = options;
  const notify = (options.notify ?? []).map(parseNotifyUrl);
  const references = storesOf(config, host, options.to ?? []);
  const release = await readRelease(config, host, options);
  const stores = collectStores(host, config.rewrite);
  try {
    const ready = await prepareAll(release, references, stores);
    const { tool, version, artifacts } = release.request;
    const sumsChanged =
      !dryRun &&
      options.expectedSums === undefined &&
      (await writeSumsFile(config.sumsFile, sumsOfArtifacts(artifacts), release.request, { signal: host.signal }));
    const { reports, failures } = await publishAll(ready, host);
    const receipt = dryRun ? null : finishReceipt(release.receipt, reports);
    const unsent = receipt === null ? [] : await sendReceipt(receipt, { file: options.receipt, notify }, host);
    const failure = [...failures, ...unsent][0] ?? null;
    return { action, tool, version, dryRun, sumsFile: config.sumsFile, sumsChanged, stores: reports, receipt, failure };
  } finally {
    await stores.close();
  }
}

/** A release and what is said about it, for whatever store. */
interface Release {
  readonly request: Omit<PublishRequest, 'store'>;
  readonly receipt: ReceiptDraft;
}

async function readRelease(config: ProjectConfig, host: Host, options: PublishOptions): Promise<Release> {
  const { dryRun = false, action = 'publish', expectedSums } = options;
  const { tool, targets, attestation } = config;
  const version = options.version ?? (await readVersion(config));
  const subject = { tool, version, targets };
  const signing = await openSigning(options.sign, options.signer, config, host);
  const artifacts = await artifactsOf({ ...config, binaries: options.binaries ?? config.binaries }, subject, host);
  if (expectedSums !== undefined) verifyExpectedSums(subject, sumsOfArtifacts(artifacts), expectedSums);
  const source = options.source ?? (await sourceOf(config, host));
  const receipt = draftReceipt({ action, tool, version, artifacts, source }, host);
  const { commit, date, ...place } = source;
  const request = {
    ...subject,
    ...signing,
    artifacts,
    dryRun,
    source: { commit, date },
    buildSource: { ...place, commit },
    attestationsRequired: attestation.require,
    notes: formatReceiptMarkdown(receipt),
    reporter: host.reporter,
    signal: host.signal,
  };
  return { request, receipt };
}

/** What git says of the commit counts: it alone knows whether the sources are that commit's. */
async function sourceOf(config: ProjectConfig, host: Host): Promise<PublishSource> {
  return { ...(buildSourceFromEnv(host.env) ?? UNKNOWN_SOURCE), ...(await readSource(config, host)) };
}

function verifyExpectedSums({ tool, version }: ReleaseSubject, actual: Sums, expected: Sums): void {
  const different = differentNames(actual, expected);
  if (different.length === 0) return;
  const what = `the artifacts of ${tool} v${version} are not those that were reviewed: ${different.join(', ')}`;
  throw new IntegrityError('DIGEST_MISMATCH', what, {
    hint: 'their digests have to be those of the sums file of the reviewed commit: build again from it',
    details: { different },
  });
}

async function prepareAll(
  { request }: Release,
  references: readonly StoreReference[],
  stores: OpenStores,
): Promise<readonly SignedRelease[]> {
  const prepared: PreparedRelease[] = [];
  for (const reference of references) {
    prepared.push(await prepareRelease({ ...request, store: await stores.open(reference) }));
  }
  const signed: SignedRelease[] = [];
  for (const each of prepared) signed.push(await signRelease(each));
  return signed;
}

interface Outcomes {
  readonly reports: readonly StorePublication[];
  readonly failures: readonly ToolcribError[];
}

async function publishAll(releases: readonly SignedRelease[], { signal }: Host): Promise<Outcomes> {
  const reports: StorePublication[] = [];
  const failures: ToolcribError[] = [];
  for (const each of releases) {
    try {
      reports.push({ ...(await publishSigned(each)), failure: null });
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof ToolcribError)) throw error;
      failures.push(error);
      reports.push(failedReport(each, error));
    }
  }
  return { reports, failures };
}

function failedReport({ request, plan }: PreparedRelease, error: ToolcribError): StorePublication {
  const { tool, version, dryRun, store } = request;
  const { code, message, hint, details } = error;
  return {
    store: store.reference,
    tool,
    version,
    dryRun,
    files: [],
    complete: false,
    alreadyPublished: false,
    skipped: plan.skipped,
    failure: { code, message, hint: hint ?? null, details },
  };
}

function storesOf(config: ProjectConfig, host: Host, to: readonly string[]): readonly StoreReference[] {
  const stores = to.length === 0 ? config.stores : to.map((text) => anchorStore(parseStoreReference(text), host.cwd));
  if (stores.length > 0) return stores;
  throw new UsageError('USAGE', 'there is no store to publish to', {
    hint: 'name one with --to, or list it in "stores" in toolcrib.json',
  });
}

async function artifactsOf(
  config: ProjectConfig,
  { version, targets }: ReleaseSubject,
  host: Host,
): Promise<readonly ReleaseArtifact[]> {
  const artifacts: ReleaseArtifact[] = [];
  for (const target of targets) {
    const name: ArtifactName = { tool: config.tool, version, target, dev: false };
    const path = join(config.binaries, formatArtifactName(name));
    artifacts.push(await examineArtifact(path, name, config.entrypoint, host.signal));
  }
  return artifacts;
}
