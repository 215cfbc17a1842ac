import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatPatch } from '../../../src/promote/sums-patch.ts';

/** What a file is after git has applied a patch to it. */
async function applied(path: string, before: string | undefined, patch: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-test-'));
  try {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    if (before !== undefined) await writeFile(file, before);
    await writeFile(join(folder, '.patch'), patch);
    await promisify(execFile)('git', ['apply', '--whitespace=nowarn', '.patch'], { cwd: folder });
    return await readFile(file, 'utf8');
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a patch is what git makes of one text the other with, whatever the file is called', async () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((text) => !/[/\0]/.test(text) && !['.', '..', '.patch', '.git'].includes(text) && text.isWellFormed());
  const path = fc.array(name, { minLength: 1, maxLength: 2 }).map((names) => names.join('/'));
  const text = fc.array(fc.stringMatching(/^[a-z0-9 ]{0,10}$/), { maxLength: 4 }).map((lines) => lines.join('\n'));
  await fc.assert(
    fc.asyncProperty(path, fc.option(text, { nil: undefined }), text, async (file, before, after) => {
      fc.pre(after !== '' && before !== '' && before !== after);
      expect(await applied(file, before, formatPatch(file, before, after))).toBe(after);
    }),
    { numRuns: 25 },
  );
});

test('there is none where nothing changes', () => {
  expect(formatPatch('SHA256SUMS', 'a\n', 'a\n')).toBe('');
});
