import { execFile } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { docker, dockerAvailable } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing, REPOSITORY } from '../build/samples.ts';
import { cliEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import { sandboxToolsProject } from '../flows/sandbox-tools.ts';
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

async function sandboxMissing(): Promise<string | undefined> {
  const tools = await programsMissing('apt-get', 'dpkg-deb', 'npm');
  return tools ?? (await dockerAvailable('toolcrib-test/busybox'));
}

/** The files of a project that has the tool as this checkout builds it. */
async function toolOfThisCheckout(): Promise<Readonly<Record<string, string>>> {
  const { folder } = await sandboxToolsProject();
  const [config = '', ...pins] = await Promise.all(
    ['toolcrib.json', 'tool-version.txt', 'SHA256SUMS'].map((name) => readFile(join(folder, name), 'utf8')),
  );
  return {
    'toolcrib.json': config.replace('file:./store', `file:${folder}/store`),
    'tool-version.txt': pins[0] ?? '',
    SHA256SUMS: pins[1] ?? '',
  };
}

const withoutSandbox = await sandboxMissing();

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

  test('records a run in a container', requireOrSkip(withoutSandbox), async () => {
    await using project = await reader();
    for (const [name, content] of Object.entries(await toolOfThisCheckout())) await project.write(name, content);
    const container = `toolcrib-test-guide-${process.pid}`;
    const block = testedBlock(guide, 'sandbox').replaceAll(/\bweb\b/g, container);
    try {
      expect(await follow(project, '/bin/sh', '-e', '-c', block)).toMatch(/sandbox +docker:[^]*\/tmp\/listed/);
    } finally {
      await docker('rm', '--force', container);
    }
  });

  test('has no block that this test does not run', () => {
    expect(blocksOf(guide).map(({ test: name }) => name)).toEqual(['first', 'sandbox', 'sign', 'library']);
  });
});
