import { execFile } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { fullSample, packed, sampleMembers } from '../../unit/run/archive/sample-archive.ts';
import { REPOSITORY } from '../build/samples.ts';
import { cliEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import { testedBlock } from './markdown.ts';

test('the guide to reading archives shows commands that work', async () => {
  await using project = await scratchProject();
  const { folder } = project;
  await project.write('run.tar.gz', await packed(sampleMembers(fullSample)));
  await project.write('earlier.tar.gz', await packed(sampleMembers({ ...fullSample, kernel: [] })));
  await project.write('bin/toolcrib', `#!/bin/sh\nexec ${TOOLCRIB.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(join(folder, 'bin/toolcrib'), 0o755);
  const guide = await readFile(join(REPOSITORY, 'docs/guides/reading-archives.md'), 'utf8');
  const env = { ...cliEnvironment(folder), PATH: `${folder}/bin:${process.env['PATH'] ?? ''}` };
  const script = testedBlock(guide, 'read');
  const { stdout } = await promisify(execFile)('/bin/sh', ['-e', '-c', script], { cwd: folder, env });
  for (const words of ['consistent, not authentic', 'programs started: 1', 'may be claimed', '  + /usr/bin/id']) {
    expect(stdout).toContain(words);
  }
  expect(await readFile(join(folder, 'report.html'), 'utf8')).toContain('What is different');
});
