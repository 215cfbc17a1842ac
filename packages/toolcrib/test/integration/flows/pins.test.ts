import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { programsMissing, REPOSITORY } from '../build/samples.ts';
import { sandboxToolsProject } from './sandbox-tools.ts';

describe('the tool that ships', requireOrSkip(await programsMissing('apt-get', 'dpkg-deb', 'npm')), () => {
  test('has the pins of what its sources build', async () => {
    const { folder } = await sandboxToolsProject();
    const pinned = await readFile(join(REPOSITORY, 'packages/sandbox-tools/SHA256SUMS'), 'utf8');
    const built = await readFile(join(folder, 'SHA256SUMS'), 'utf8');
    const hint = 'build packages/sandbox-tools, then write its SHA256SUMS and src/config/builtin.json again';
    expect(pinned, hint).toBe(built);
  });
});
