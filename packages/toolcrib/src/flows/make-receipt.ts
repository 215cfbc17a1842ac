import { userInfo } from 'node:os';
import type { BuildSource } from '../attestations/attestation.ts';
import { RECEIPT_SCHEMA, type Receipt, type ReceiptFile, type ReceiptStore } from '../core/receipt.ts';
import { attestedName } from '../core/release-names.ts';
import type { ReleaseArtifact } from '../publish/release-artifacts.ts';
import type { Host } from './host.ts';

/** A receipt before anybody knows what became of the release. */
export type ReceiptDraft = Omit<Receipt, 'stores'>;

/** What is published, and from where. */
export interface ReceiptSubject {
  readonly action: Receipt['action'];
  readonly tool: string;
  readonly version: number;
  readonly artifacts: readonly ReleaseArtifact[];
  readonly source: BuildSource & { readonly date: string | null };
}

/** What became of a release in one store, as far as a receipt tells it. */
interface StoreOutcome {
  readonly store: string;
  readonly complete: boolean;
  readonly alreadyPublished: boolean;
  readonly files: readonly { readonly name: string; readonly role: string }[];
  readonly failure: { readonly code: string } | null;
}

/** What a receipt says before the first upload; attestations are not known yet. */
export function draftReceipt(subject: ReceiptSubject, host: Host): ReceiptDraft {
  const { action, tool, version, artifacts, source } = subject;
  const { repository, commit, date, ref, run } = source;
  return {
    schema: RECEIPT_SCHEMA,
    action,
    tool,
    version,
    actor: actorOf(host.env),
    run,
    source: { repository, commit, date, ref },
    files: artifacts.map(({ name, digest, size }) => ({ name, digest, size, attestation: null })),
    at: new Date(host.clock.now()).toISOString(),
  };
}

/** The receipt of a release that some store has; null when none has it. */
export function finishReceipt(draft: ReceiptDraft, outcomes: readonly StoreOutcome[]): Receipt | null {
  const complete = outcomes.find((outcome) => outcome.complete);
  if (complete === undefined) return null;
  const attested = new Map(complete.files.map(({ name }) => [attestedName(name), name]));
  const files = draft.files.map((file): ReceiptFile => ({ ...file, attestation: attested.get(file.name) ?? null }));
  return { ...draft, files, stores: outcomes.map(storeOf) };
}

function storeOf({ store, complete, alreadyPublished, failure }: StoreOutcome): ReceiptStore {
  if (!complete) return { store, outcome: 'failed', error: failure?.code ?? null };
  return { store, outcome: alreadyPublished ? 'already-published' : 'published', error: null };
}

/** In GitHub Actions who started the run, else the user of the operating system: what git calls itself, anybody can set. */
function actorOf(env: Host['env']): Receipt['actor'] {
  const actor = env['GITHUB_ACTIONS'] === 'true' ? env['GITHUB_ACTOR'] : undefined;
  if (actor) return { name: actor, from: 'GITHUB_ACTOR' };
  return { name: userName(), from: 'operating system' };
}

/** Null for a user id without a name, as containers have them. */
function userName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null;
  }
}
