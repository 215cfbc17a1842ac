import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { attest, attestedProject, BYTES, NAME, newSigner, revocationsFor, SUBJECT } from './attested-project.ts';
import { documentOf, toolcrib } from './command-line.ts';
import type { ScratchProject } from '../../unit/cli/scratch-project.ts';

async function statusOf(project: ScratchProject): Promise<{ readonly document: unknown; readonly text: string }> {
  const [json, text] = await Promise.all([
    toolcrib(['status', '--json'], { cwd: project.folder }),
    toolcrib(['status'], { cwd: project.folder }),
  ]);
  for (const end of [json, text]) expect(end.code, end.stdout + end.stderr).toBe(0);
  return { document: documentOf(json), text: text.stdout };
}

/** The store has a complete release, as far as a listing tells. */
async function complete(project: ScratchProject): Promise<void> {
  const line = `${SUBJECT.digest.slice('sha256:'.length)}  ${NAME}\n`;
  await project.write('store/demo-v1.SHA256SUMS', line);
  await project.write('store/demo-v1.json', '{}');
}

describe.concurrent('the status of a project', () => {
  test('tells what its own list revokes, with the reason, of the target and of the version', async () => {
    const signer = newSigner();
    await using project = await attestedProject(signer, false);
    await complete(project);
    await project.write('demo.revoked.json', revocationsFor('demo', signer, [{ version: 1, reason: 'it leaks' }]));
    const { document, text } = await statusOf(project);
    expect(document).toMatchObject({
      revocations: { versions: [{ version: 1, reason: 'it leaks' }], problem: null },
      targets: [{ tier: 'store', revoked: 'it leaks', problem: 'revoked: it leaks' }],
    });
    expect(text).toMatch(/amd64-any .* revoked: it leaks\n/);
    expect(text).toContain('published: v1 (revoked: it leaks)');
  });

  test('tells what the list of a store revokes', async () => {
    const signer = newSigner();
    await using project = await attestedProject(signer, false);
    await project.write(
      'store/demo.revoked.json',
      revocationsFor('demo', signer, [{ version: 1, reason: 'it leaks' }]),
    );
    expect((await statusOf(project)).document).toMatchObject({ targets: [{ revoked: 'it leaks' }] });
  });

  test('tells that a list does not count: then nothing is resolved', async () => {
    await using project = await attestedProject(newSigner(), false);
    await project.write('demo.revoked.json', revocationsFor('demo', newSigner(), [{ version: 9, reason: 'x' }]));
    const { document, text } = await statusOf(project);
    const problem: unknown = expect.stringContaining('does not count');
    expect(document).toMatchObject({ revocations: { versions: [], problem }, targets: [{ revoked: null, problem }] });
    expect(text).toMatch(/^revocations: the list of revocations .* does not count/m);
  });

  test('tells of an attestation whether it holds, and by whom', async () => {
    const signer = newSigner();
    await using project = await attestedProject(signer, true);
    const file = await attest(project, signer);
    await project.write(join('store', file.name), file.bytes);
    const { document, text } = await statusOf(project);
    const attestation = { status: 'verified', signer: expect.stringMatching(/^key /) as unknown, reason: null };
    expect(document).toMatchObject({ targets: [{ attestation, problem: null }] });
    expect(text).toMatch(/amd64-any .* verified +store /);
  });

  test.each([
    ['wrong', 'does not hold'],
    ['untrusted', 'is not trusted'],
    ['missing', 'has no attestation'],
  ])('tells of one that is %s that it is, and that nothing is resolved', async (status, why) => {
    const signer = newSigner();
    await using project = await attestedProject(signer, true);
    const by = status === 'untrusted' ? newSigner() : signer;
    const file = await attest(project, by);
    if (status === 'wrong') await project.write(join('store', file.name), '{"nothing": true}');
    if (status === 'untrusted') await project.write(join('store', file.name), file.bytes);
    const problem: unknown = expect.stringContaining(why);
    const { document, text } = await statusOf(project);
    expect(document).toMatchObject({ targets: [{ attestation: { status }, problem }] });
    expect(text).toContain(status === 'missing' ? 'none' : status);
    expect((await toolcrib(['resolve', '--target', 'amd64-any'], { cwd: project.folder })).code).toBe(5);
  });

  test('takes what lies beside a bundled file before what a store has, as resolve does', async () => {
    const signer = newSigner();
    await using project = await attestedProject(signer, true);
    await project.write(`binaries/${NAME}`, BYTES);
    const file = await attest(project, signer);
    await project.write(join('store', file.name), file.bytes);
    await project.write(`binaries/${file.name}`, 'rubbish');
    expect((await statusOf(project)).document).toMatchObject({
      targets: [{ tier: 'bundled', attestation: { status: 'wrong' } }],
    });
  });
});
