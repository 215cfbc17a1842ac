import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseSums } from '../../../src/core/sums.ts';
import { sumsOfArtifacts } from '../../../src/publish/release-artifacts.ts';
import { writeSumsFile } from '../../../src/publish/sums-file.ts';
import { buildRelease, TARGETS, temporaryFolder } from './sample-release.ts';

describe('the sums file', () => {
  const subject = { tool: 'tool', version: 2, targets: TARGETS };

  test('pins every target of the version, and replaces the pins of the version before as a whole', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'SHA256SUMS');
    const sums = sumsOfArtifacts(await buildRelease(folder.path, { version: 2 }));
    await writeFile(path, 'pins of version 1\n');
    await writeSumsFile(path, sums, subject);
    expect(parseSums(await readFile(path, 'utf8'), path)).toEqual(sums);
    expect((await readdir(folder.path)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test.each([
    ['a target is missing', { ...subject, targets: [...TARGETS, { arch: 'amd64', libc: 'musl' } as const] }],
    ['a target is too many', { ...subject, targets: TARGETS.slice(1) }],
    ['it is another version', { ...subject, version: 3 }],
    ['it is another tool', { ...subject, tool: 'other' }],
  ])('is not written when %s', async (_, other) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'SHA256SUMS');
    const sums = sumsOfArtifacts(await buildRelease(folder.path, { version: 2 }));
    await expect(writeSumsFile(path, sums, other)).rejects.toMatchObject({ code: 'SUMS_INVALID' });
    await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
