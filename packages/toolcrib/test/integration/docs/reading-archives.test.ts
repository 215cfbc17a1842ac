import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { fullSample, packed, sampleMembers } from '../../unit/run/archive/sample-archive.ts';
import { REPOSITORY } from '../build/samples.ts';
import { cliEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import { blocksOf, testedBlock } from './markdown.ts';

const guide = await readFile(join(REPOSITORY, 'docs/guides/reading-archives.md'), 'utf8');
const INDEX = join(REPOSITORY, 'packages/toolcrib/src/index.ts');

/** A folder with two archives, one of them signed, the key, and `toolcrib`. */
async function reader(): Promise<ScratchProject> {
  const project = await scratchProject();
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  await project.write('run.tar.gz', await packed(sampleMembers(fullSample, privateKey)));
  await project.write('earlier.tar.gz', await packed(sampleMembers({ ...fullSample, kernel: [] })));
  await project.write('key.pub.pem', publicKey.export({ type: 'spki', format: 'pem' }).toString());
  await project.write('bin/toolcrib', `#!/bin/sh\nexec ${TOOLCRIB.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(join(project.folder, 'bin/toolcrib'), 0o755);
  return project;
}

async function follow({ folder }: ScratchProject, program: string, ...args: readonly string[]): Promise<string> {
  const env = { ...cliEnvironment(folder), PATH: `${folder}/bin:${process.env['PATH'] ?? ''}` };
  return (await promisify(execFile)(program, args, { cwd: folder, env })).stdout;
}

describe('the guide to reading archives', () => {
  test('shows commands that work', async () => {
    await using project = await reader();
    const told = await follow(project, '/bin/sh', '-e', '-c', testedBlock(guide, 'read'));
    for (const words of ['consistent, not authentic', 'programs started: 1', 'may be claimed', '  + /usr/bin/id']) {
      expect(told).toContain(words);
    }
    expect(await readFile(join(project.folder, 'report.html'), 'utf8')).toContain('What is different');
  });

  test('reads an archive from TypeScript', async () => {
    await using project = await reader();
    await project.write('read.ts', testedBlock(guide, 'library').replace("'toolcrib'", `'${INDEX}'`));
    expect(await follow(project, process.execPath, join(project.folder, 'read.ts'))).toMatch(/^clean \[/);
  });

  test('has no block that this test does not run', () => {
    expect(blocksOf(guide).map(({ test: name }) => name)).toEqual(['read', 'library']);
  });
});
