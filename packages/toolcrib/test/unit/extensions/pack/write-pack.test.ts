import { readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packExtension } from '../../../../src/flows/create-pack.ts';
import { createHost } from '../../../../src/flows/host.ts';
import { scratchProject } from '../../cli/scratch-project.ts';
import { failureOfAsync } from '../../core/failure.ts';

test.each([
  ['itself', 'source', 'source/x.gtxpack'],
  ['itself, behind a directory that is not there', 'source', 'source/below/x.gtxpack'],
  ['a link to it', 'source', 'alias/x.gtxpack'],
  ['it, where a link to it is packed', 'alias', 'source/x.gtxpack'],
])('a pack is not written into %s', async (_, directory, output) => {
  await using site = await scratchProject({ 'source/component.wasm': 'wasm' });
  await symlink('source', join(site.folder, 'alias'));
  const host = createHost({ cwd: site.folder, env: {} });
  const error = await failureOfAsync(() => packExtension(host, { directory, output, id: 'x' }));
  expect(error).toMatchObject({ code: 'USAGE', message: expect.stringContaining('is what is packed') as string });
  expect(await readdir(join(site.folder, 'source'))).toEqual(['component.wasm']);
  await expect(packExtension(host, { directory, output: 'x.gtxpack', id: 'x' })).resolves.toMatchObject({ id: 'x' });
});
