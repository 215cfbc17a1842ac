import { counted } from './counted.ts';
import { formatSize, shortDigest } from './size.ts';
import { formatTable, type TableOptions } from './table.ts';
import { wrap } from './width.ts';

/** What a person is told of something in the cache. */
interface ItemFacts {
  readonly kind: string;
  readonly digest: string | null;
  readonly path: string;
  readonly size: number;
  readonly lastUsedAt: number;
  readonly leased: boolean;
}

/** What a person is told of a cache. */
export interface CacheFacts {
  readonly directory: string;
  readonly artifacts: readonly ItemFacts[];
  readonly unpacked: readonly ItemFacts[];
  readonly attestations: readonly ItemFacts[];
  readonly packs: readonly ItemFacts[];
  readonly pointers: readonly ItemFacts[];
  readonly trees: readonly ItemFacts[];
  readonly placements: readonly (ItemFacts & {
    readonly isPlaced: boolean;
    /** True: a note beside the entry of that placement. */
    readonly isMount: boolean;
    readonly sandbox: string | null;
    readonly directory: string | null;
  })[];
}

/** The text of `cache ls`: what was used last comes first. */
export function describeCache(cache: CacheFacts, options: TableOptions = {}): string {
  const { artifacts, unpacked, attestations, packs, pointers, trees, placements, directory } = cache;
  const items = [
    ...[...artifacts, ...unpacked, ...trees, ...attestations, ...packs, ...pointers].map((item) => ({
      ...item,
      note: item.leased ? 'in use' : '',
    })),
    ...placements.filter(({ isMount }) => !isMount).map((placement) => ({ ...placement, note: placeOf(placement) })),
  ];
  if (items.length === 0) return `nothing in ${directory}\n`;
  const rows = items
    .toSorted((a, b) => b.lastUsedAt - a.lastUsedAt)
    .map(({ kind, digest, size, lastUsedAt, note }) => [
      kind,
      shownDigest(digest),
      formatSize(size),
      dateOf(lastUsedAt),
      note,
    ]);
  const columns = [
    { title: 'KIND' },
    { title: 'DIGEST' },
    { title: 'SIZE', align: 'right' },
    { title: 'LAST USED' },
    { title: '', ownLine: true },
  ] as const;
  const counts = [
    counted(artifacts.length, 'artifact'),
    counted(unpacked.length, 'unpacked form'),
    ...(trees.length === 0 ? [] : [counted(trees.length, 'tree')]),
    `attestations of ${counted(attestations.length, 'artifact')}`,
    counted(placements.filter(({ isPlaced }) => isPlaced).length, 'placement'),
    ...(packs.length === 0 ? [] : [counted(packs.length, 'pack')]),
  ];
  const total = formatSize(items.reduce((sum, { size }) => sum + size, 0));
  const summary = `${counts.join(', ')}: ${total} in ${directory}`;
  const lines = options.width === undefined ? [summary] : wrap(summary, options.width);
  return `${formatTable(columns, rows, options)}${lines.join('\n')}\n`;
}

function shownDigest(digest: string | null): string {
  return digest === null ? '' : shortDigest(digest);
}

function placeOf({ sandbox, directory, isPlaced }: CacheFacts['placements'][number]): string {
  if (sandbox === null || directory === null) return 'cannot be read';
  return `${directory} in ${sandbox.slice(0, 12)}${isPlaced ? '' : ', which is no placement'}`;
}

/** The text of `cache verify`. */
export function describeFindings(cache: {
  readonly directory: string;
  readonly findings: readonly {
    readonly path: string;
    readonly kind: string;
    readonly reason: string;
    readonly outcome: string | null;
  }[];
}): string {
  if (cache.findings.length === 0) return `everything in ${cache.directory} is what its name says\n`;
  return cache.findings
    .map(({ path, kind, reason, outcome }) => `${kind}: ${path}: ${reason}${outcomeText(kind, outcome)}\n`)
    .join('');
}

function outcomeText(kind: string, outcome: string | null): string {
  if (kind === 'corrupt' && outcome === 'left') return '; it was left: it is in use';
  return OUTCOMES[outcome ?? ''] ?? '';
}

const OUTCOMES: Readonly<Record<string, string>> = {
  removed: '; it was removed',
  rebuilt: '; it was made again from the verified artifact',
  left: '; it was left: whoever put it there knows what for',
};

/** What a person is told of a collection. */
export interface CollectionFacts {
  readonly directory: string;
  readonly dryRun: boolean;
  readonly limits: { readonly maxBytes: number | null; readonly maxAgeDays: number | null };
  readonly removed: readonly (ItemFacts & { readonly reason: string })[];
  readonly leftovers: readonly string[];
  /** Paths of trees that sandboxes were made with. */
  readonly mounts: readonly string[];
  /** Of all these trees. */
  readonly mountsBytes: number;
  readonly bytesAfter: number;
}

const REASONS: Readonly<Record<string, string>> = {
  age: 'for too long',
  size: 'for longest',
  gone: 'since its pack went',
};

/** The text of `cache gc`. */
export function describeCollection(collection: CollectionFacts): string {
  const { directory, dryRun, limits, removed, leftovers, mounts, mountsBytes, bytesAfter } = collection;
  const rows = removed.map(({ kind, digest, size, lastUsedAt, reason }) => [
    kind,
    shownDigest(digest),
    formatSize(size),
    dateOf(lastUsedAt),
    REASONS[reason] ?? reason,
  ]);
  const columns = [
    { title: dryRun ? 'WOULD GO' : 'REMOVED' },
    { title: 'DIGEST' },
    { title: 'SIZE', align: 'right' },
    { title: 'LAST USED' },
    { title: 'NOT USED' },
  ] as const;
  const table = rows.length === 0 ? '' : formatTable(columns, rows);
  const freed = formatSize(removed.reduce((sum, { size }) => sum + size, mountsBytes));
  const verb = dryRun ? 'would be removed' : 'removed';
  const swept = leftovers.length === 0 ? '' : `, and ${counted(leftovers.length, 'file')} that killed processes left`;
  const stays = dryRun ? 'would stay' : 'stay';
  return [
    `${table}${freed} ${verb}${swept}; ${formatSize(bytesAfter)} ${stays} in ${directory}\n`,
    ...mounts.map((path) => `the tree ${path} ${verb}: sandboxes that have it mounted lose the tool\n`),
    overText(collection),
    limits.maxBytes === null && limits.maxAgeDays === null
      ? 'no limit was given, so nothing else goes: --max-bytes 5GB, --max-age 30, or "cache" in toolcrib.json\n'
      : '',
  ].join('');
}

function overText({ limits, bytesAfter }: CollectionFacts): string {
  if (limits.maxBytes === null || bytesAfter <= limits.maxBytes) return '';
  const over = formatSize(bytesAfter - limits.maxBytes);
  return `that is ${over} above the limit: all of it is in use, or was used within the last hour\n`;
}

/** To the minute: a use is recorded at most every ten. */
function dateOf(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
