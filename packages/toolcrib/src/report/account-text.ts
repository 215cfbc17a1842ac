import { PATH_USES, type ArchiveAccount, type Capped, type PathUse } from '../core/archive-account.ts';
import { printable } from '../core/printable.ts';
import { truncate, wrap } from './width.ts';

const WIDTH = 80;
const MOST_ROWS = 12;
const COUNT_WIDTH = 9;
const MOST_CHARACTERS = 1000;

const USES: Readonly<Record<PathUse, string>> = {
  written: 'files opened for writing',
  opened: 'files opened for reading, or not known for what',
  failed: 'files that could not be opened',
  blocked: 'files that a gate kept closed',
};

/**
 * What a run touched, in blocks of a heading and rows; the most of each sort is capped, and what is left out is counted.
 * Blocks with nothing in them are left out, too.
 * @param isWatched false where what the layers hold of the kernel cannot be attributed to the run: it is not told then.
 */
export function describeAccount(account: ArchiveAccount, isWatched: boolean): readonly string[] {
  const kernel = isWatched ? kernelBlocks(account) : [];
  return [...kernel, toolCallBlock(account)].filter((text) => text !== '');
}

function toolCallBlock({ toolCalls }: ArchiveAccount): string {
  return block('tool calls', toolCalls, ({ id, tool, decision, reported }) => {
    const sdk = reported.length === 0 ? 'not reported by an SDK' : `SDK: ${reported.join(', ')}`;
    return ['', `${tool} (${id})  policy: ${decision ?? 'no decision'}; ${sdk}`];
  });
}

function kernelBlocks(account: ArchiveAccount): readonly string[] {
  return [
    ...PATH_USES.map((use) => pathBlock(account, use)),
    block('network endpoints', account.endpoints, ({ endpoint, kinds, calls, failed }) => {
      return [count(calls), `${endpoint}  ${kinds.join(', ')}${failedText(failed)}`];
    }),
    block('programs started', account.programs, ({ path, times }) => [count(times), path]),
    unnamedBlock(account),
    block('changes without an open, and execs that failed', account.effects, effectRow),
    block('calls behind which more can happen than was seen', account.blindSpots, effectRow),
  ];
}

function unnamedBlock({ unnamedPrograms }: ArchiveAccount): string {
  return unnamedPrograms === 0
    ? ''
    : formatBlock(`programs started without a known path: ${unnamedPrograms}`, [], undefined);
}

function pathBlock(account: ArchiveAccount, use: PathUse): string {
  const { total, groups } = account.paths[use];
  const sorted = [...groups].sort((a, b) => b.paths - a.paths);
  const chosen = new Set(sorted.slice(0, MOST_ROWS));
  const shown = groups.filter((group) => chosen.has(group));
  const left = sorted.slice(MOST_ROWS).reduce((sum, group) => sum + group.paths, 0);
  const rows = shown.map(({ path, paths, opens }): Row => {
    const group = `${path === '' ? '(anywhere)' : path}  ${paths} paths`;
    return [count(opens), paths === 1 ? path : group];
  });
  return total === 0
    ? ''
    : formatBlock(
        `${USES[use]}: ${total}`,
        rows,
        left === 0 ? undefined : `${left} more ${left === 1 ? 'path' : 'paths'}`,
      );
}

type Row = readonly [count: string, text: string];

function effectRow({ call, times, failed, examples }: ArchiveAccount['effects']['shown'][number]): Row {
  const about = examples.length === 0 ? '' : `: ${examples.join('; ')}`;
  const more = times > examples.length && examples.length > 0 ? '; ...' : '';
  return [count(times), `${call}${failedText(failed)}${about}${more}`];
}

function block<Item>(title: string, { total, isLeast, shown }: Capped<Item>, rowOf: (item: Item) => Row): string {
  if (total === 0) return '';
  const left = total - Math.min(MOST_ROWS, shown.length);
  const heading = `${title}: ${isLeast ? 'at least ' : ''}${total}`;
  return formatBlock(heading, shown.slice(0, MOST_ROWS).map(rowOf), left === 0 ? undefined : `${left} more`);
}

function formatBlock(heading: string, rows: readonly Row[], left: string | undefined): string {
  const lines = rows.flatMap(([times, text]) =>
    wrap(printable(truncate(text, MOST_CHARACTERS)), WIDTH - COUNT_WIDTH - 1).map((line, index) =>
      `${(index === 0 ? times : '').padStart(COUNT_WIDTH)} ${line}`.trimEnd(),
    ),
  );
  const rest = left === undefined ? [] : [`${' '.repeat(COUNT_WIDTH)} ... and ${left}`];
  return [heading, ...lines, ...rest].map((line) => `${line}\n`).join('');
}

function count(times: number): string {
  return `${times} x`;
}

function failedText(failed: number): string {
  return failed === 0 ? '' : ` (${failed} failed)`;
}
