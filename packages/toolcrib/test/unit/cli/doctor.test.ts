import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { registerDoctor } from '../../../src/cli/commands/doctor.ts';
import { runCommand } from '../../integration/cli/in-process.ts';
import { scratchProject } from './scratch-project.ts';

const examine = (folder: string, ...args: readonly string[]) => runCommand(registerDoctor, folder, ['doctor', ...args]);

describe('doctor', () => {
  test('tells what is wrong with the configuration, and looks at everything else', async () => {
    await using project = await scratchProject({ 'toolcrib.json': '{ "tool": "demo" ' });
    const end = await examine(project.folder);
    expect(end.code).toBe(9);
    expect(findingOf(end.document, 'configuration')).toMatchObject({
      state: 'failed',
      facts: { code: 'CONFIG_INVALID' },
      remedy: expect.stringContaining('JSON') as string,
    });
    expect(findingOf(end.document, 'cache')).toMatchObject({ state: 'ok' });
    expect(findingOf(end.document, 'tool')).toBeUndefined();
  });

  test('tells pins that cannot be read, and keys that are not there', async () => {
    await using project = await scratchProject({
      'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], attestation: { publicKeys: ['gone.pem'] } },
      'tool-version.txt': 'one\n',
    });
    const end = await examine(project.folder);
    expect(end.code).toBe(9);
    expect(findingOf(end.document, 'tool')).toMatchObject({ state: 'failed', facts: { code: 'VERSION_INVALID' } });
    expect(findingOf(end.document, 'attestation')).toMatchObject({
      state: 'failed',
      text: expect.stringContaining('gone.pem') as string,
    });
  });

  test('needs no project and no store', async () => {
    await using project = await scratchProject();
    const end = await examine(project.folder);
    expect(end).toMatchObject({ code: 0, document: { verdict: 'ok' } });
    expect(findingOf(end.document, 'stores')).toMatchObject({ state: 'note' });
    expect(findingOf(end.document, 'tool')).toMatchObject({ facts: { tool: 'sandbox-tools', installState: 'clean' } });
  });

  test('tells a directory store, and writes there only when it is asked to', async () => {
    await using project = await scratchProject({
      'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], stores: ['file:./store', 'file:./later'] },
      'tool-version.txt': '1\n',
      'store/other': 'x',
    });
    const looked = await examine(project.folder);
    expect(looked.code).toBe(0);
    expect(findingsOf(looked.document, 'file:./store')).toMatchObject([
      {
        ...{ state: 'warning', text: expect.stringContaining('demo v1 is not there') as string },
        remedy: expect.stringContaining('publish or mirror demo v1') as string,
        facts: { read: true, list: true, published: false, guarantee: 'write-once' },
      },
      { state: 'ok', facts: { writable: true } },
    ]);
    expect(findingsOf(looked.document, 'file:./later')).toMatchObject([
      {
        ...{ state: 'warning', text: 'the directory is not there yet: publishing makes it' },
        remedy: expect.stringContaining('names it right') as string,
        facts: { read: false, published: false },
      },
    ]);
    const written = await examine(project.folder, '--write-probe');
    expect(written.code).toBe(0);
    expect(findingsOf(written.document, 'file:./store')).toMatchObject([{}, { facts: { writeProbe: 'write-once' } }]);
    expect(findingsOf(written.document, 'file:./later')).toMatchObject([
      { state: 'warning', text: expect.stringContaining('writing was not tried') as string },
    ]);
    expect(await readdir(`${project.folder}/store`)).toEqual(['other']);
    expect(await readdir(project.folder)).not.toContain('later');
  });

  test('tells a cache that cannot be one, and what does not belong there', async () => {
    await using project = await scratchProject({ 'cache/v1/mine.txt': 'x' });
    expect(findingsOf((await examine(project.folder)).document, 'cache')).toMatchObject([
      { state: 'ok' },
      { state: 'warning', text: expect.stringContaining('mine.txt') as string },
    ]);
    await using broken = await scratchProject({ cache: 'a file' });
    const end = await examine(broken.folder);
    expect(end.code).toBe(9);
    expect(findingOf(end.document, 'cache')).toMatchObject({
      state: 'failed',
      text: expect.stringContaining('is no directory') as string,
    });
  });
});

function findingsOf(document: unknown, subject: string): readonly unknown[] {
  const { findings } = document as { findings: readonly { subject: string }[] };
  return findings.filter((finding) => finding.subject === subject);
}

function findingOf(document: unknown, subject: string): unknown {
  return findingsOf(document, subject)[0];
}
