import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY } from '../../../build/samples.ts';
import { requireOrSkip } from '../../../../servers/require.ts';

/** Headers of the kernel that Debian has here, in the order of the columns of the table; newer calls are missing in them. */
const HEADERS = [
  '/usr/include/x86_64-linux-gnu/asm/unistd_64.h',
  '/usr/include/x86_64-linux-gnu/asm/unistd_32.h',
  '/usr/aarch64-linux-gnu/include/asm-generic/unistd.h',
];

const headers = await Promise.all(HEADERS.map((path) => readFile(path, 'utf8').catch(() => undefined)));
const missing = HEADERS.filter((_, index) => headers[index] === undefined);

/** The numbers in a header by name; the generic one writes some as `__NR3264_`. */
function numbersIn(header: string): ReadonlyMap<string, number> {
  const lines = header.matchAll(/^#define __NR(?:3264)?_(?<name>\w+)\s+(?<number>\d+)$/gm);
  return new Map([...lines].map(({ groups }) => [groups?.['name'] ?? '', Number(groups?.['number'])]));
}

describe(
  'the table of calls',
  requireOrSkip(missing.length > 0 ? `there is no ${missing.join(', ')}` : undefined),
  () => {
    test('has the numbers of the kernel', async () => {
      const table = await readFile(join(REPOSITORY, 'native/tracer/calls.h'), 'utf8');
      const rows = [...table.matchAll(/^ {2}CALL\((?<cells>[^)]*)\)/gm)].map(({ groups }) =>
        (groups?.['cells'] ?? '').split(', '),
      );
      expect(rows.length).toBeGreaterThan(60);
      const calls = rows.filter(([, kind]) => kind !== 'PROCESS');
      const wrong = headers.flatMap((header, column) => {
        const numbers = numbersIn(header ?? '');
        const newest = Math.max(...numbers.values());
        return calls.flatMap((cells) => {
          const [name = '', number] = [cells[0], Number(cells[8 + column])];
          const known = numbers.get(name);
          const isRight = number > newest || number === (known ?? -1);
          return isRight ? [] : [`${HEADERS[column]}: ${name} is ${known}, not ${number}`];
        });
      });
      expect(wrong).toEqual([]);
    });
  },
);
