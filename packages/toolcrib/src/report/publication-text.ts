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

/** The text of `publish` and of `promote`: each file of each store, and what to do next. */
export function describePublication(facts: PublicationFacts): string {
  const { tool, version, stores } = facts;
  const told = stores.map((store) => describeStore(`${tool} v${version}`, store));
  return `${told.join('\n')}\n${nextOf(facts)}\n`;
}

function nextOf({ action, dryRun, sumsFile, stores }: PublicationFacts): string {
  if (dryRun) return 'Nothing was written: this was a dry run.';
  const failed = stores.filter(({ failure }) => failure !== null).length;
  if (failed === 0 && action === 'promote') return 'The approved commit pins this release. Merge the pull request.';
  if (failed === 0) return `${sumsFile} pins this release now. Commit it: it is what everybody verifies against.`;
  if (failed === stores.length) return 'No store has this release. Repeat the command when the cause is gone.';
  return `${failed} of ${stores.length} stores do not have this release. Repeat the command: it completes what is missing.`;
}

function describeStore(release: string, store: StoreFacts): string {
  const head = `${store.store}: ${release} ${stateOf(store)}\n${skippedOf(store)}`;
  if (store.failure !== null) return head;
  const rows = store.files.map(({ name, outcome, url }) => [`  ${name}`, outcome, url ?? '']);
  return `${head}${formatTable([{ title: '  FILE' }, { title: 'OUTCOME' }, { title: 'READ BACK FROM' }], rows)}`;
}

function stateOf({ complete, alreadyPublished, failure }: StoreFacts): string {
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
