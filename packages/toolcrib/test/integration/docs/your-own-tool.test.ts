import { execFile } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { docker, dockerAvailable } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { cliEnvironment, networkEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing, REPOSITORY } from '../build/samples.ts';
import { blocksOf, sectionOf, type Block } from './markdown.ts';

const guide = await readFile(join(REPOSITORY, 'docs/guides/your-own-tool.md'), 'utf8');
const missing =
  (await programsMissing('apt-get', 'dpkg-deb', 'npm', 'cc')) ??
  (await dockerAvailable('toolcrib-test/busybox', 'toolcrib-test/static'));

/** A reader who does what a part of the guide says, with containers of names of their own. */
async function follow(reader: ScratchProject, markdown: string): Promise<string> {
  const said: string[] = [];
  for (const block of blocksOf(markdown)) said.push(await take(reader, block));
  return said.join('');
}

async function take(reader: ScratchProject, block: Block): Promise<string> {
  const { folder } = reader;
  if (block.file !== undefined) await reader.write(block.file, block.text);
  if (block.language !== 'sh') return '';
  await reader.write('bin/toolcrib', `#!/bin/sh\nexec ${TOOLCRIB.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(join(folder, 'bin/toolcrib'), 0o755);
  const home = { ...networkEnvironment(), HOME: process.env['HOME'] ?? '/', TOOLCRIB_CACHE_DIR: join(folder, 'cache') };
  const user = {
    GIT_AUTHOR_NAME: 'r',
    GIT_AUTHOR_EMAIL: 'r@example.org',
    GIT_COMMITTER_NAME: 'r',
    GIT_COMMITTER_EMAIL: 'r@example.org',
  };
  const env = { ...cliEnvironment(folder, home), ...user, PATH: `${folder}/bin:${process.env['PATH'] ?? ''}` };
  const script = block.text.replaceAll(/(--name |docker:)(\w+)/g, `$1$2-${folder.replace(/\W/g, '-').slice(1)}`);
  return (await promisify(execFile)('/bin/sh', ['-e', '-c', script], { cwd: folder, env })).stdout;
}

/** Removes the containers that a reader started. */
async function clean({ folder }: ScratchProject): Promise<void> {
  const names = ['web', 'box'].map((name) => `${name}-${folder.replace(/\W/g, '-').slice(1)}`);
  await docker('rm', '--force', ...names).catch(() => undefined);
}

describe('the guide to a tool of your own', requireOrSkip(missing), () => {
  test('leads from an empty folder to a TypeScript tool in a container, and to its second version', async () => {
    await using reader = await scratchProject();
    try {
      const built = await follow(reader, sectionOf(guide, 'In TypeScript'));
      expect(built).toContain('greeter v1 is published');
      expect(built).toContain('greeter-amd64-any-v1: OK\ngreeter-arm64-any-v1: OK\n');
      expect(built).toContain('from the tier "cache"');
      expect(built).toContain('hello agent, from amd64-any\n');
      expect(await follow(reader, sectionOf(guide, 'The next version'))).toContain('published: v1, v2');
    } finally {
      await clean(reader);
    }
  });

  test('leads to a tool of another compiler in a container that holds one static program, and to a change of it', async () => {
    await using reader = await scratchProject();
    try {
      const said = await follow(reader, sectionOf(guide, 'With any compiler'));
      expect(said).toContain('pinger v1 is published');
      expect(said).toMatch(/pong\n$/);
      const edited = await follow(reader, sectionOf(guide, 'While you change it'));
      expect(edited).toContain('installed: clean (nothing that ships differs from main)');
      expect(edited).toContain('installed: edited (main.c differs from main)');
      expect(edited).toContain('pinger-amd64-any-v1-dev');
      expect(edited).toMatch(/PONG\n$/);
    } finally {
      await clean(reader);
    }
  });

  test('has no shell block that these tests do not run', () => {
    const run = ['In TypeScript', 'The next version', 'With any compiler', 'While you change it'].flatMap((heading) =>
      blocksOf(sectionOf(guide, heading)),
    );
    expect(blocksOf(guide).filter(({ language }) => language === 'sh')).toEqual(
      run.filter(({ language }) => language === 'sh'),
    );
  });
});
