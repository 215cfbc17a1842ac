import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { fullSample, packed, sampleMembers, type SampleParts } from '../../unit/run/archive/sample-archive.ts';
import { documentOf, toolcrib, type CliEnd } from './command-line.ts';

interface Archives extends ScratchProject {
  archive(...args: readonly string[]): Promise<CliEnd>;
}

/** A folder with archives in it, by name. */
async function archives(samples: Readonly<Record<string, SampleParts>>): Promise<Archives> {
  const project = await scratchProject();
  for (const [name, parts] of Object.entries(samples)) {
    await writeFile(join(project.folder, name), await packed(sampleMembers(parts)));
  }
  return Object.assign(project, {
    archive: (...args: readonly string[]) => toolcrib(['archive', ...args], { cwd: project.folder }),
  });
}

const refused: SampleParts = { ...fullSample, replace: { 'layers/sdk.ndjson': '{"\u001b[2J":1}\n' } };

describe.concurrent('archive', () => {
  test('show tells what a run touched and what may be claimed, also as JSON', async () => {
    await using here = await archives({ 'run.tar.gz': fullSample });
    const shown = await here.archive('show', 'run.tar.gz');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain('programs started: 1\n');
    const document = documentOf(await here.archive('show', 'run.tar.gz', '--json'));
    expect(document).toMatchObject({
      signature: 'absent',
      account: { programs: { total: 1, shown: [{ path: '/usr/bin/id', times: 1 }] } },
    });
    const claims = await here.archive('show', '--claims', 'run.tar.gz');
    expect(claims.stdout).toContain('must not be claimed\n');
    expect(documentOf(await here.archive('show', '--claims', '--json', 'run.tar.gz'))).toMatchObject({
      accepted: true,
      claims: { schema: 'toolcrib.claims.v1', measured: expect.any(Array) as unknown },
    });
  });

  test('of one that is refused exits with 9, lets nothing be claimed, and leaves the terminal alone', async () => {
    await using here = await archives({ 'bad.tar.gz': refused, 'good.tar.gz': fullSample });
    const commands = [
      ['show', 'bad.tar.gz'],
      ['show', '--claims', 'bad.tar.gz'],
      ['verify', 'bad.tar.gz'],
      ['diff', 'bad.tar.gz', 'good.tar.gz'],
      ['diff', 'good.tar.gz', 'bad.tar.gz'],
      ['report', 'bad.tar.gz', '-o', 'bad.html'],
      ['report', 'good.tar.gz', 'bad.tar.gz', '-o', 'good.html'],
    ];
    for (const command of commands) {
      const { code, stdout, stderr } = await here.archive(...command);
      expect([command, code]).toEqual([command, 9]);
      expect(stdout + stderr).not.toContain('\u001b');
    }
    expect(documentOf(await here.archive('show', '--claims', '--json', 'bad.tar.gz'))).toMatchObject({ claims: null });
    expect(await readFile(join(here.folder, 'bad.html'), 'utf8')).toContain('This archive is refused.');
  });

  test('diff prints the capability diff, and with --exit-code tells by its exit whether there is one', async () => {
    const later = { ...fullSample, runId: 'run_002', kernel: [{ type: 4, kind: 'exec', value: '/usr/bin/new' }] };
    await using here = await archives({ 'a.tar.gz': fullSample, 'b.tar.gz': later });
    const diff = await here.archive('diff', 'a.tar.gz', 'b.tar.gz');
    expect([diff.code, diff.stderr]).toEqual([0, '']);
    expect(diff.stdout).toContain('  - /usr/bin/id\n  + /usr/bin/new\n');
    expect(documentOf(await here.archive('diff', '--json', 'a.tar.gz', 'b.tar.gz'))).toMatchObject({
      schema: 'assay.runner.capability_diff.v0',
      status: 'clean',
      surface: { process_execs: { added: ['/usr/bin/new'], removed: ['/usr/bin/id'], unchanged: [] } },
    });
    expect((await here.archive('diff', '--exit-code', 'a.tar.gz', 'b.tar.gz')).code).toBe(9);
    expect((await here.archive('diff', '--exit-code', 'a.tar.gz', 'a.tar.gz')).code).toBe(0);
  });

  test('verify --key demands the signature of that key over this very manifest', async () => {
    const [own, other] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')];
    await using here = await archives({ 'plain.tar.gz': fullSample });
    const publicKey = (pair: typeof own) => pair.publicKey.export({ type: 'spki', format: 'pem' });
    await here.write('own.pem', publicKey(own).toString());
    await here.write('other.pem', publicKey(other).toString());
    const signed = sampleMembers(fullSample, own.privateKey);
    const [, ...changed] = sampleMembers({ ...fullSample, command: ['false'] }, own.privateKey).map((member) =>
      member.path === 'toolcrib/manifest.dsse.json' ? (signed.at(-1) ?? member) : member,
    );
    const [manifest] = sampleMembers({ ...fullSample, command: ['false'] });
    await writeFile(join(here.folder, 'signed.tar.gz'), await packed(signed));
    await writeFile(
      join(here.folder, 'changed.tar.gz'),
      await packed(manifest === undefined ? [] : [manifest, ...changed]),
    );
    const verify = async (...args: readonly string[]) => {
      const { code, stdout } = await here.archive('verify', ...args);
      return [code, stdout.replaceAll(/\s+/g, ' ')];
    };
    expect(await verify('signed.tar.gz', '--key', 'own.pem')).toEqual([0, expect.stringContaining('and authentic')]);
    expect(await verify('signed.tar.gz')).toEqual([0, expect.stringContaining('not authentic: it has a signature')]);
    expect(await verify('plain.tar.gz')).toEqual([0, expect.stringContaining('not authentic: nobody signed it')]);
    expect(await verify('plain.tar.gz', '--key', 'own.pem')).toEqual([9, expect.stringContaining('nobody signed it')]);
    expect(await verify('signed.tar.gz', '--key', 'other.pem')).toEqual([9, expect.stringContaining('trusted keys')]);
    expect(await verify('changed.tar.gz', '--key', 'own.pem')).toEqual([
      9,
      expect.stringContaining('manifest was changed'),
    ]);
    expect((await here.archive('verify', 'signed.tar.gz', '--key', 'none.pem')).code).toBe(3);
    const none = await here.archive('verify', 'none.tar.gz');
    expect([none.code, none.stderr]).toEqual([3, expect.stringContaining('"toolcrib run -o" wrote')]);
  });

  test('report never takes the place of an archive', async () => {
    await using here = await archives({ 'run.tar.gz': fullSample });
    const { code, stderr } = await here.archive('report', 'run.tar.gz', '-o', './run.tar.gz');
    expect([code, stderr.includes('would take the place')]).toEqual([2, true]);
    expect((await here.archive('verify', 'run.tar.gz')).code).toBe(0);
  });
});
