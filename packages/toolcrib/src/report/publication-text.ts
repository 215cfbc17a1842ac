import { printable } from '../core/printable.ts';
import { formatTable } from './table.ts';

/** What a person is told about a publication. */
export interface PublicationFacts {
  readonly tool: string;
  readonly version: number;
  readonly dryRun: boolean;
  readonly action: string;
  /** The sums file; what it pins now, or would. */
  readonly sumsFile: string;
  /** False when it had exactly that before. */
  readonly sumsChanged: boolean;
  readonly stores: readonly StoreFacts[];
}

interface StoreFacts {
  readonly store: string;
  readonly complete: boolean;
  readonly alreadyPublished: boolean;
  readonly skipped: { readonly first: number; readonly last: number } | null;
  readonly files: readonly { readonly name: string; readonly outcome: string; readonly url: string | null }[];
  readonly failure: { readonly message: string } | null;
}

/**
 * The text of `publish` and of `promote`: each file of each store, and what to do next. Why the first store failed is the
 * error that the command ends with: it is not told twice.
 */
export function describePublication(facts: PublicationFacts): string {
  const { tool, version, stores } = facts;
  const first = stores.find(({ failure }) => failure !== null);
  const told = stores.map((store) => describeStore(`${tool} v${version}`, store, store === first));
  return `${told.join('\n')}\n${nextOf(facts)}\n`;
}

function nextOf({ action, dryRun, sumsFile, sumsChanged, stores }: PublicationFacts): string {
  if (dryRun) return 'Nothing was written: this was a dry run.';
  const failed = stores.filter(({ failure }) => failure !== null).length;
  if (failed === 0 && action === 'promote') return 'The approved commit pins this release. Merge the pull request.';
  if (failed === 0 && !sumsChanged) return `${sumsFile} pins this release, as it did before.`;
  if (failed === 0) return `${sumsFile} pins this release now. Commit it: it is what everybody verifies against.`;
  if (failed === stores.length) return 'No store has this release. Repeat the command when the cause is gone.';
  return `${failed} of ${stores.length} stores do not have this release. Repeat the command: it completes what is missing.`;
}

function describeStore(release: string, store: StoreFacts, isToldBelow: boolean): string {
  const head = `${store.store}: ${release} ${stateOf(store, isToldBelow)}\n${skippedOf(store)}`;
  if (store.failure !== null) return head;
  const rows = store.files.map(({ name, outcome, url }) => [`  ${name}`, outcome, url ?? '']);
  return `${head}${formatTable([{ title: '  FILE' }, { title: 'OUTCOME' }, { title: 'READ BACK FROM' }], rows)}`;
}

function stateOf({ complete, alreadyPublished, failure }: StoreFacts, isToldBelow: boolean): string {
  if (failure !== null && isToldBelow) return 'is not published';
  if (failure !== null) return `is not published: ${printable(failure.message)}`;
  if (alreadyPublished) return 'was published before, with the same bytes';
  return complete ? 'is published' : 'would be published';
}

/** Allowed, and worth a word: nobody will publish them any more. */
function skippedOf({ skipped }: StoreFacts): string {
  if (skipped === null) return '';
  const { first, last } = skipped;
  return first === last ? `  v${first} was skipped\n` : `  v${first} to v${last} were skipped\n`;
}
