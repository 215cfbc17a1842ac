import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { observe } from '../../../../contract/run/observed-command.ts';
import { observerMissing, openObserver } from '../../../../contract/run/open-observer.ts';
import { requireOrSkip } from '../../../../servers/require.ts';
import { programsMissing, REPOSITORY } from '../../../build/samples.ts';

/** Which column of the table has this machine's numbers. */
const COLUMN = process.arch === 'arm64' ? 10 : 8;

/**
 * strace 6.1 does not know two of them yet; `sendmmsg` is told by its messages, and here has none; `socket` only by its
 * type, and here has none either.
 */
const NOT_TRIED = new Set(['open_tree_attr', 'fchmodat2', 'sendmmsg', 'socket']);

interface Row {
  readonly name: string;
  readonly number: number;
}

/** What the kernel tracer tells and this machine has. */
async function tableOfTracer(): Promise<readonly Row[]> {
  const table = await readFile(join(REPOSITORY, 'native/tracer/calls.h'), 'utf8');
  const rows = [...table.matchAll(/^ {2}CALL\((?<cells>[^)]*)\)/gm)].map(({ groups }) =>
    (groups?.['cells'] ?? '').split(', '),
  );
  return rows
    .map((cells) => ({ name: cells[0] ?? '', number: Number(cells[COLUMN]) }))
    .filter(({ name, number }) => number >= 0 && !NOT_TRIED.has(name));
}

const missing = (await observerMissing('strace')) ?? (await programsMissing('perl'));

describe('strace', requireOrSkip(missing), () => {
  test('tells every call that the kernel tracer tells', async () => {
    const rows = await tableOfTracer();
    expect(rows.length).toBeGreaterThan(50);
    // Every one of them fails: there is no such address, descriptor or process.
    const script = `syscall($_ + 0, ${Array.from({ length: 6 }, () => '-1').join(', ')}) for @ARGV`;
    const command = ['perl', '-e', script, ...rows.map(({ number }) => String(number))];
    const { calls, capture } = await observe(await openObserver('strace', {}), command);
    const told = new Set(calls.filter(({ result }) => result !== undefined && result < 0).map(({ call }) => call));
    expect(rows.filter(({ name }) => !told.has(name))).toEqual([]);
    expect(capture.accounts.filter(({ dropped }) => dropped > 0)).toEqual([]);
  });
});
