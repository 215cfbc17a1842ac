import { execFile } from 'node:child_process';
import { chmod, copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { releasedProject } from '../../unit/bundle/released-project.ts';
import { cliEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import type { ScratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing, REPOSITORY } from '../build/samples.ts';
import { blocksOf, testedBlock } from './markdown.ts';

const guide = await readFile(join(REPOSITORY, 'docs/guides/air-gap.md'), 'utf8');

/** Does what a block says, with stores in the reader's own folder. */
async function follow(reader: ScratchProject, name: string): Promise<string> {
  const { folder } = reader;
  await reader.write('bin/toolcrib', `#!/bin/sh\nexec ${TOOLCRIB.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(join(folder, 'bin/toolcrib'), 0o755);
  const script = testedBlock(guide, name)
    .replaceAll('github:my-org/my-tool', 'file:./store')
    .replaceAll('file:/srv/tools', 'file:./srv');
  const env = { ...cliEnvironment(folder), PATH: `${folder}/bin:${process.env['PATH'] ?? ''}` };
  return (await promisify(execFile)('/bin/sh', ['-e', '-c', script], { cwd: folder, env })).stdout;
}

describe('the guide to mirrors and air gaps', requireOrSkip(await programsMissing('skopeo')), () => {
  test('leads from a store to a host without one', async () => {
    await using project = await releasedProject();
    expect(await follow(project, 'mirror')).toContain('tool v1 is complete');
    expect(await readdir(join(project.folder, 'srv'))).toHaveLength(6);
    expect(await follow(project, 'create')).toContain('its digests are those of the sums file of this project');
    expect(await follow(project, 'skopeo')).toContain('"Os": "linux"');
    await using inside = await project.clone();
    await copyFile(join(project.folder, 'my-tool.tar'), join(inside.folder, 'my-tool.tar'));
    expect(await follow(inside, 'load')).toContain('tool-amd64-any-v1 from the tier "cache"');
    expect(await follow(inside, 'store')).toContain('file:./srv: tool v1');
  });

  test('has no shell block that this test does not run', () => {
    const names = blocksOf(guide).flatMap(({ language, test: name }) => (language === 'sh' ? [name] : []));
    expect(names).toEqual(['mirror', 'create', 'load', 'store', 'skopeo']);
  });
});
