import { onePiece } from '../core/one-piece.ts';
import { digestOf } from '../core/digest.ts';
import { ConflictError, PolicyError, type ToolcribError } from '../core/errors.ts';
import {
  formatReleaseManifest,
  RELEASE_SCHEMA,
  releaseManifestName,
  storedSumsName,
  sumsOfManifest,
  type ReleaseManifest,
} from '../core/release.ts';
import type { Reporter } from '../core/reporter.ts';
import { differentNames, formatSums, type Sums } from '../core/sums.ts';
import { readVerified } from '../disk/digest-file.ts';
import type { ByteSource, Store } from '../stores/store.ts';
import { planPublish, type PublishPlan, type PublishStep } from './publish-plan.ts';
import { listVersions } from '../releases/published-versions.ts';
import { rehearse } from './rehearsal.ts';
import {
  releaseFileOf,
  sumsOfArtifacts,
  verifyArtifacts,
  type ReleaseArtifact,
  type ReleaseSubject,
} from './release-artifacts.ts';
import { verifyStoredFile } from '../releases/stored-file.ts';
import { contradiction, readManifest, readStoredSums } from '../releases/stored-release.ts';

/** One release for one store. */
export interface PublishRequest extends ReleaseSubject {
  readonly artifacts: readonly ReleaseArtifact[];
  /** The commit the artifacts were built from and its date (ISO 8601), null where nobody knows. */
  readonly source: ReleaseManifest['source'];
  readonly store: Store;
  /** True: everything but the writing. */
  readonly dryRun: boolean;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** What became of one file. */
export interface PublishedFile {
  readonly name: string;
  readonly role: PublishStep['role'];
  readonly outcome: 'created' | 'same' | 'would-create';
}

/** What became of a release in one store. */
export interface PublishReport {
  /** As the user wrote it. */
  readonly store: string;
  readonly tool: string;
  readonly version: number;
  readonly dryRun: boolean;
  /** In the order in which they come to be. */
  readonly files: readonly PublishedFile[];
  /** True when the store holds the whole release now. */
  readonly complete: boolean;
  /** True when it did so before. */
  readonly alreadyPublished: boolean;
}

/**
 * Publishes a release as a transaction (formats.md 4): everything is digested first; the stored sums claim the version;
 * artifacts follow, each read back; the manifest comes last and makes it complete. Killed at any point and repeated with
 * the same bytes, it completes; with other bytes it changes nothing.
 * @throws ConflictError `VERSION_TAKEN`; PolicyError `ROLLBACK`; IntegrityError when the store gives back other bytes than
 * it was given, or contradicts itself; UsageError, NotFoundError as {@link verifyArtifacts}; RemoteError; the signal's
 * reason.
 */
export async function publishRelease(request: PublishRequest): Promise<PublishReport> {
  const { tool, version, signal } = request;
  await verifyArtifacts(request, request.artifacts, signal);
  const publication: Publication = {
    request,
    store: request.dryRun ? rehearse(request.store) : request.store,
    sums: sumsOfArtifacts(request.artifacts),
    sources: sourcesOf(request),
  };
  const plan = permitted(await survey(publication), publication);
  const files: PublishedFile[] = [];
  for (const step of plan.steps) {
    signal?.throwIfAborted();
    files.push({ name: step.name, role: step.role, outcome: await carryOut(step, publication) });
  }
  await complete(plan.steps, publication);
  const { alreadyPublished } = plan;
  const isComplete = !request.dryRun || alreadyPublished;
  return {
    store: request.store.reference,
    tool,
    version,
    dryRun: request.dryRun,
    files,
    complete: isComplete,
    alreadyPublished,
  };
}

interface Publication {
  readonly request: PublishRequest;
  readonly store: Store;
  readonly sums: Sums;
  /** By file name. */
  readonly sources: ReadonlyMap<string, ByteSource>;
}

function sourcesOf(request: PublishRequest): Publication['sources'] {
  const { tool, version, artifacts, source, signal } = request;
  const files = artifacts.map(releaseFileOf);
  const manifest = formatReleaseManifest({ schema: RELEASE_SCHEMA, tool, version, source, files });
  return new Map([
    [storedSumsName(tool, version), textSource(formatSums(sumsOfArtifacts(artifacts)))],
    [releaseManifestName(tool, version), textSource(manifest)],
    ...artifacts.map((artifact): [string, ByteSource] => [artifact.name, artifactSource(artifact, signal)]),
  ]);
}

function artifactSource({ path, digest, size }: ReleaseArtifact, signal: AbortSignal | undefined): ByteSource {
  return { digest, size, open: () => readVerified(path, { digest, size }, { signal }) };
}

function textSource(text: string): ByteSource {
  const bytes = Buffer.from(text);
  return { digest: digestOf(bytes), size: bytes.byteLength, open: () => onePiece(bytes) };
}

async function survey({ request, store, sums }: Publication): Promise<PublishPlan> {
  const { tool, version, signal } = request;
  const versions = await listVersions(store, tool, signal);
  const published = [...versions].filter(([each, names]) => names.includes(releaseManifestName(tool, each)));
  const claim = await readStoredSums(store, request, { signal });
  const manifest = await readManifest(store, request, { signal });
  return planPublish(
    { tool, version, sums },
    {
      highest: published.at(-1)?.[0],
      claim,
      manifest: manifest && sumsOfManifest(manifest),
      names: versions.get(version) ?? [],
    },
  );
}

type Permitted = Extract<PublishPlan, { kind: 'publish' }>;

function permitted(plan: PublishPlan, { request, store }: Publication): Permitted {
  if (plan.kind === 'publish') return plan;
  if (plan.kind === 'contradiction') throw contradiction(store, request, plan.different);
  throw plan.kind === 'rollback' ? rollback(request, plan.highest) : taken(request, plan.different);
}

function rollback({ tool, version, store }: PublishRequest, highest: number): ToolcribError {
  return new PolicyError('ROLLBACK', `${store.reference} has ${tool} v${highest} already, v${version} is lower`, {
    hint: `versions only go up: set the version file to ${highest + 1} or more`,
    details: { version, highest },
  });
}

function taken({ tool, version, store }: PublishRequest, different: readonly string[]): ToolcribError {
  const what = `${tool} v${version} in ${store.reference} is taken by other bytes: ${different.join(', ')}`;
  return new ConflictError('VERSION_TAKEN', what, {
    hint: `published versions are immutable: bump the version file to ${version + 1}, build and publish again`,
    details: { tool, version, different },
  });
}

/** Creates what is to be created, and reads back in any case: what a store says is not believed. */
async function carryOut(step: PublishStep, publication: Publication): Promise<PublishedFile['outcome']> {
  const { request, store, sources } = publication;
  const source = sources.get(step.name);
  if (source === undefined) throw new Error(`nobody said what ${step.name} holds`);
  request.reporter.notice({ kind: 'step', text: `${step.action === 'keep' ? 'checking' : 'publishing'} ${step.name}` });
  const created = step.action === 'create' && (await create(step, source, store, request)) === 'created';
  await readBack(step, source, publication);
  if (!created) return 'same';
  return request.dryRun ? 'would-create' : 'created';
}

async function create(
  step: PublishStep,
  source: ByteSource,
  store: Store,
  { signal, reporter }: PublishRequest,
): Promise<'created' | 'exists'> {
  const progress = reporter.progress(step.name, source.size);
  try {
    const counted = { ...source, open: () => counting(source.open(), (bytes) => progress.advance(bytes)) };
    return await store.create(step.name, counted, signal === undefined ? {} : { signal });
  } finally {
    progress.end();
  }
}

async function* counting(
  bytes: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    yield piece;
    onBytes(piece.byteLength);
  }
}

/** Makes the release visible, and asks once more whose it is: a store may let two publishers go on until here. */
async function complete(steps: readonly PublishStep[], publication: Publication): Promise<void> {
  const { request, store, sums, sources } = publication;
  const { tool, version, signal } = request;
  const files = steps.flatMap(({ name }) => {
    const source = sources.get(name);
    return source === undefined ? [] : [{ name, digest: source.digest, size: source.size }];
  });
  const outcome = await store.complete({ tool, version, files, notes: '' }, signal === undefined ? {} : { signal });
  if (outcome === 'complete') return;
  throw taken(request, differentNames((await readStoredSums(store, request, { signal })) ?? new Map(), sums));
}

async function readBack(step: PublishStep, source: ByteSource, publication: Publication): Promise<void> {
  const { request, store, sums } = publication;
  const { signal } = request;
  if (step.role === 'artifact') {
    await verifyStoredFile(store, step.name, source, { signal });
    return;
  }
  // Claim and manifest are the same when their digests are: another publisher of the same bytes may have written them.
  if (step.role === 'claim') {
    const different = differentNames((await readStoredSums(store, request, { signal })) ?? new Map(), sums);
    if (different.length > 0) throw taken(request, different);
    return;
  }
  const manifest = await readManifest(store, request, { signal });
  const different = differentNames(manifest === undefined ? new Map() : sumsOfManifest(manifest), sums);
  if (different.length > 0) throw contradiction(store, request, different);
}
