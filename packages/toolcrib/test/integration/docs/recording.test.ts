import { execFile } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing, REPOSITORY } from '../build/samples.ts';
import { cliEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import { blocksOf, testedBlock } from './markdown.ts';

const guide = await readFile(join(REPOSITORY, 'docs/guides/recording.md'), 'utf8');
const INDEX = join(REPOSITORY, 'packages/toolcrib/src/index.ts');

/** A folder with a `make` that opens something, and with `toolcrib`. */
async function reader(): Promise<ScratchProject> {
  const project = await scratchProject({
    'bin/toolcrib': `#!/bin/sh\nexec ${TOOLCRIB.map((word) => `'${word}'`).join(' ')} "$@"\n`,
    'bin/make': '#!/bin/sh\nread line < /etc/hostname\necho tested\n',
  });
  for (const name of ['toolcrib', 'make']) await chmod(join(project.folder, 'bin', name), 0o755);
  return project;
}

async function follow({ folder }: ScratchProject, program: string, ...args: readonly string[]): Promise<string> {
  const env = { ...cliEnvironment(folder), PATH: `${folder}/bin:${process.env['PATH'] ?? ''}` };
  return (await promisify(execFile)(program, args, { cwd: folder, env })).stdout;
}

describe('the guide to recording', requireOrSkip(await programsMissing('openssl')), () => {
  test('records and shows a run', async () => {
    await using project = await reader();
    const shown = await follow(project, '/bin/sh', '-e', '-c', testedBlock(guide, 'first'));
    expect(shown).toContain('tested\n');
    expect(shown).toContain('make test');
  });

  test('signs a run, and demands the signature', async () => {
    await using project = await reader();
    const said = await follow(project, '/bin/sh', '-e', '-c', testedBlock(guide, 'sign'));
    expect(said).toMatch(/tested\n[^]*signed/);
  });

  test('records a run from TypeScript', async () => {
    await using project = await reader();
    await project.write('run.ts', testedBlock(guide, 'library').replace("'toolcrib'", `'${INDEX}'`));
    expect(await follow(project, process.execPath, join(project.folder, 'run.ts'))).toMatch(
      /^tested\n0 \w+ 0 \d+ \w+\n$/,
    );
  });

  test('has no block that this test does not run', () => {
    expect(blocksOf(guide).map(({ test: name }) => name)).toEqual(['first', 'sign', 'library']);
  });
});
