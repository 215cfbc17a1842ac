import { formatTable } from './table.ts';

/** What a person is told about a publication. */
export interface PublicationFacts {
  readonly tool: string;
  readonly version: number;
  readonly dryRun: boolean;
  /** The sums file; what it pins now, or would. */
  readonly sumsFile: string;
  readonly stores: readonly {
    readonly store: string;
    readonly complete: boolean;
    readonly alreadyPublished: boolean;
    readonly files: readonly { readonly name: string; readonly outcome: string }[];
  }[];
}

/** The text of `publish`: each file of each store, and what to do next. */
export function describePublication(facts: PublicationFacts): string {
  const { tool, version, dryRun, sumsFile } = facts;
  const next = dryRun
    ? 'Nothing was written: this was a dry run.'
    : `${sumsFile} pins this release now. Commit it: it is what everybody verifies against.`;
  return `${facts.stores.map((store) => describeStore(`${tool} v${version}`, store)).join('\n')}\n${next}\n`;
}

function describeStore(release: string, store: PublicationFacts['stores'][number]): string {
  const rows = store.files.map(({ name, outcome }) => [name, outcome]);
  return `${store.store}: ${release} ${stateOf(store)}\n${formatTable(
    [{ title: '  FILE' }, { title: 'OUTCOME' }],
    rows.map(([name, outcome]) => [`  ${name ?? ''}`, outcome ?? '']),
  )}`;
}

function stateOf({ complete, alreadyPublished }: PublicationFacts['stores'][number]): string {
  if (alreadyPublished) return 'was published before, with the same bytes';
  return complete ? 'is published' : 'would be published';
}
