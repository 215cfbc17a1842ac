import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseReceipt } from '../../../src/core/receipt.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { documentOf, toolcrib, type CliEnd } from './command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';

/** Looks like an empty store, and takes nothing. */
const UNWRITABLE = 'file:/proc/toolcrib';

/** A project whose artifact is built. */
async function builtProject(version = 1): Promise<ScratchProject> {
  const project = await scratchProject({
    'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], stores: ['file:store'] },
    'tool-version.txt': `${version}\n`,
  });
  await project.write(`binaries/demo-amd64-any-v${version}`, elfFile({}));
  return project;
}

const publish = (project: ScratchProject, ...args: readonly string[]): Promise<CliEnd> =>
  toolcrib(['publish', ...args], { cwd: project.folder });

describe.concurrent('publish', () => {
  test('tells each store, and from where each artifact was read back', async () => {
    await using project = await builtProject();
    const { code, stdout, stderr } = await publish(project, '--to', 'file:a', '--to', 'file:b');
    expect({ code, stderr: /warning|error/.test(stderr) }).toEqual({ code: 0, stderr: false });
    for (const store of ['a', 'b']) {
      expect(stdout).toContain(`file:${store}: demo v1 is published\n`);
      expect(stdout).toMatch(
        new RegExp(`demo-amd64-any-v1 +created +.*${project.folder}/${store}/demo-amd64-any-v1\n`),
      );
    }
  });

  test('exits with the code of the first store that failed, and tells what became of the others', async () => {
    await using project = await builtProject();
    const end = await publish(project, '--to', UNWRITABLE, '--to', 'file:b');
    expect(end.code).toBe(7);
    expect(end.stdout).toContain(`${UNWRITABLE}: demo v1 is not published\n`);
    expect(end.stdout).toContain('file:b: demo v1 is published\n');
    expect(end.stdout).toContain('1 of 2 stores do not have this release. Repeat the command');
    expect(end.stderr).toMatch(/^toolcrib: cannot .*\n {2}hint: /m);
    const why = /^toolcrib: (cannot .*)$/m.exec(end.stderr)?.[1] ?? 'no reason';
    expect(`${end.stdout}${end.stderr}`.split(why), 'the reason is told once').toHaveLength(2);
  });

  test('asks for a commit of the sums once, and not when nothing changed', async () => {
    await using project = await builtProject();
    expect((await publish(project, '--to', 'file:a')).stdout).toContain('pins this release now. Commit it');
    const { stdout } = await publish(project, '--to', 'file:a');
    expect(stdout).toContain('SHA256SUMS pins this release, as it did before.');
    expect(stdout).not.toContain('Commit it');
  });

  test('prints one document with --json, also when a store failed', async () => {
    await using project = await builtProject();
    const end = await publish(project, '--json', '--to', UNWRITABLE, '--to', 'file:b');
    expect(end.code).toBe(7);
    expect(documentOf(end)).toMatchObject({
      tool: 'demo',
      stores: [
        { complete: false, failure: { code: 'STORAGE' } },
        { complete: true, failure: null },
      ],
      receipt: { stores: [{ outcome: 'failed' }, { outcome: 'published' }] },
      error: { code: 'STORAGE' },
    });
  });

  test('says which versions it passes over', async () => {
    await using project = await builtProject();
    await publish(project);
    for (const [version, words] of [
      [3, 'v2 was skipped'],
      [9, 'v4 to v8 were skipped'],
    ] as const) {
      await project.write('tool-version.txt', `${version}\n`);
      await project.write(`binaries/demo-amd64-any-v${version}`, elfFile({}));
      expect((await publish(project)).stdout).toContain(`  ${words}\n`);
    }
    await project.write('tool-version.txt', '8\n');
    await project.write('binaries/demo-amd64-any-v8', elfFile({}));
    expect((await publish(project)).code).toBe(5);
  });

  test('writes a receipt, and the same into its document', async () => {
    await using project = await builtProject();
    const end = await publish(project, '--json', '--receipt', 'receipt.json');
    const receipt = parseReceipt(await readFile(join(project.folder, 'receipt.json'), 'utf8'), 'receipt.json');
    expect(documentOf(end)).toMatchObject({ receipt });
    expect(receipt).toMatchObject({ action: 'publish', tool: 'demo', actor: { from: 'operating system' } });
  });

  test('goes through the whole of it in a dry run, and writes nothing', async () => {
    await using project = await builtProject();
    const end = await publish(project, '--json', '--dry-run', '--to', 'file:a', '--to', UNWRITABLE, '--receipt', 'r');
    expect(end.code).toBe(0);
    expect(documentOf(end)).toMatchObject({ dryRun: true, receipt: null, stores: [{ complete: false }, {}] });
    await expect(readFile(join(project.folder, 'r'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
