import { readyFile } from '../releases/outgoing-file.ts';
import {
  runTransaction,
  type FileOutcome,
  type KeptAttestation,
  type TransactionStep,
} from '../releases/transaction.ts';
import { keptAttestation, missingAttestations } from './attestations.ts';
import { prepareRelease } from './prepare-release.ts';
import type { PublishedFile, PublishReport, PublishRequest } from './publication.ts';
import type { PublishStep } from './publish-plan.ts';
import { taken } from './publish-refusal.ts';
import { signRelease, type SignedRelease } from './release-sources.ts';

export type { PublishedFile, PublishReport, PublishRequest } from './publication.ts';

/**
 * Publishes a release as a transaction (formats.md 4): {@link prepareRelease}, {@link signRelease}, then
 * {@link publishSigned}.
 * @throws what they do.
 */
export async function publishRelease(request: PublishRequest): Promise<PublishReport> {
  return await publishSigned(await signRelease(await prepareRelease(request)));
}

/**
 * Publishes what was prepared and signed: `runTransaction`.
 * @throws ConflictError `VERSION_TAKEN`; PolicyError as `keptAttestation`; as `runTransaction`.
 */
export async function publishSigned(release: SignedRelease): Promise<PublishReport> {
  const { request, plan, store, sums } = release;
  const { tool, version, dryRun, notes = '', reporter, signal } = request;
  const outcomes = await runTransaction({
    tool,
    version,
    sums,
    store,
    steps: plan.steps.flatMap((step) => transactionStep(step, release)),
    verb: 'publishing',
    notes,
    reporter,
    signal,
    taken: (different, cause) => taken(request, different, cause),
    readKept: (step) => readKept(step, release),
  });
  const { alreadyPublished, skipped } = plan;
  return {
    store: request.store.reference,
    tool,
    version,
    dryRun,
    files: plan.steps.map((step) => publishedFile(step, outcomes, dryRun)),
    complete: !dryRun || alreadyPublished,
    alreadyPublished,
    skipped,
  };
}

/** None for an attestation that a dry run does not make. */
function transactionStep(
  { name, role, action }: PublishStep,
  { request, sources }: SignedRelease,
): readonly TransactionStep[] {
  const source = sources.get(name);
  if (source === undefined && action === 'create' && request.dryRun) return [];
  return [{ name, role, action, file: source && readyFile(name, role, source) }];
}

function publishedFile({ name, role }: PublishStep, outcomes: readonly FileOutcome[], dryRun: boolean): PublishedFile {
  const done = outcomes.find((outcome) => outcome.name === name);
  if (done !== undefined && done.outcome !== 'created') return { name, role, outcome: 'same', url: done.url };
  if (dryRun) return { name, role, outcome: 'would-create', url: null };
  return { name, role, outcome: 'created', url: done?.url ?? null };
}

/** What was there holds, whoever made it. */
async function readKept({ name }: TransactionStep, { request, store, plan, sums }: SignedRelease) {
  const { signal, verifier } = request;
  const of = plan.steps.find((step) => step.name === name)?.of ?? '';
  const digest = sums.get(of);
  const kept = digest && (await keptAttestation(store, { name: of, digest }, [name], verifier, { signal }));
  if (kept === undefined) throw missingAttestations([of]);
  return { ...kept, outcome: 'same' } satisfies KeptAttestation;
}
