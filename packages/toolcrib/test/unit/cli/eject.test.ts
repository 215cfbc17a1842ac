import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { registerEject } from '../../../src/cli/commands/eject.ts';
import { runCommand } from '../../integration/cli/in-process.ts';
import { scratchProject } from './scratch-project.ts';

async function project() {
  const made = await scratchProject({
    'toolcrib.json': { tool: 'probe', targets: ['amd64-any'], stores: ['file:./store'] },
    'tool-version.txt': '3\n',
    SHA256SUMS: '',
  });
  await mkdir(join(made.folder, 'box'));
  return made;
}

describe('toolcrib eject', () => {
  test('means the version of the project, those that are named, or all', async () => {
    await using made = await project();
    for (const [args, versions] of [
      [[], [3]],
      [
        ['--version', '1', '--version', '2'],
        [1, 2],
      ],
      [['--all-versions'], null],
    ] as const) {
      const sandbox = `local:${join(made.folder, 'box')}`;
      const { code, document } = await runCommand(registerEject, made.folder, ['eject', 'local:box', ...args]);
      expect(document).toEqual({ sandbox, tool: 'probe', versions, directories: [] });
      expect(code).toBe(0);
    }
  });

  test('needs no pin of the version: a build of sources that are not published was placed as well', async () => {
    await using made = await project();
    await made.write('SHA256SUMS', `${'0'.repeat(64)}  probe-amd64-any-v2\n`);
    for (const args of [[], ['--version', '2'], ['--version', '3'], ['--all-versions']]) {
      expect(await runCommand(registerEject, made.folder, ['eject', 'local:box', ...args])).toMatchObject({
        code: 0,
        document: { tool: 'probe', directories: [] },
      });
    }
  });

  test('refuses what it cannot mean before it looks for the sandbox', async () => {
    await using made = await project();
    for (const args of [
      ['--version', '1', '--all-versions'],
      ['--version', '0'],
      ['--version', 'v1'],
    ]) {
      const { code, document } = await runCommand(registerEject, made.folder, ['eject', 'local:nowhere', ...args]);
      expect(document).toMatchObject({
        error: { code: 'USAGE', message: expect.stringContaining('--version') as string },
      });
      expect(code).toBe(2);
    }
  });

  test('ends with 3 when there is no such sandbox', async () => {
    await using made = await project();
    const { code, document } = await runCommand(registerEject, made.folder, ['eject', 'local:nowhere']);
    expect(document).toMatchObject({ error: { code: 'SANDBOX_NOT_FOUND' } });
    expect(code).toBe(3);
  });
});
