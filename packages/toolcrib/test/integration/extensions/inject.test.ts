import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { docker, dockerAvailable, startContainer } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { componentOf, declare, digestOf, packOf } from '../../unit/extensions/pack-site.ts';
import { documentOf, toolcrib, type CliEnd } from '../cli/command-line.ts';

const ID = 'acme.http';
const REF = `ext://${ID}#component`;
const component = componentOf('one');

/** A pack that depends on an extension in a file beside it. */
async function startSite(): Promise<ScratchProject & { run(...args: readonly string[]): Promise<CliEnd> }> {
  const site = await scratchProject();
  await site.write('http.gtxpack', packOf('one'));
  await declare(site, [{ id: ID, ref: 'http.gtxpack' }]);
  return { ...site, run: (...args) => toolcrib(args, { cwd: site.folder }) };
}

const placed = (end: CliEnd) =>
  documentOf(end) as { readonly path: string; readonly directory: string; readonly provenAt: number };

describe('a component that is placed into a directory', () => {
  test('is read back, found again, placed anew when it was changed, and taken away', async () => {
    await using site = await startSite();
    await mkdir(join(site.folder, 'sandbox'));
    const inject = async () => placed(await site.run('--json', 'ext', 'inject', REF, 'local:sandbox'));
    const first = await inject();
    expect(first).toMatchObject({
      extension: ID,
      digest: digestOf(component),
      size: component.byteLength,
      proof: 'bytes',
      reused: false,
    });
    expect(await readFile(first.path)).toEqual(component);
    expect(await inject()).toMatchObject({ directory: first.directory, reused: true });
    await writeFile(first.path, 'changed');
    const again = await inject();
    expect(again.directory).not.toBe(first.directory);
    expect(await readFile(again.path)).toEqual(component);
    const { code, stdout } = await site.run('ext', 'eject', REF, 'local:sandbox');
    expect([code, stdout]).toEqual([0, expect.stringContaining(`removed  ${again.directory}`)]);
    expect(await readdir(join(again.path, '../..'))).toEqual([]);
    const nothing = await site.run('ext', 'eject', REF, 'local:sandbox');
    expect([nothing.code, nothing.stdout]).toEqual([0, expect.stringContaining(`nothing of ${ID} is known to be in`)]);
  });

  test('has a placement of its own beside another extension of the same bytes, and leaves that alone when it goes', async () => {
    await using site = await startSite();
    await declare(site, [
      { id: ID, ref: 'http.gtxpack' },
      { id: 'acme.other', ref: 'http.gtxpack' },
    ]);
    const own = placed(await site.run('--json', 'ext', 'inject', REF, 'local:.'));
    const other = placed(await site.run('--json', 'ext', 'inject', 'ext://acme.other#component', 'local:.'));
    expect(other).toMatchObject({ reused: false });
    expect((await site.run('ext', 'eject', REF, 'local:.')).stdout).toContain(`removed  ${own.directory}`);
    expect(await readFile(other.path)).toEqual(component);
  });

  test('is taken away when it is not declared any more; of what never was there, nothing is known', async () => {
    await using site = await startSite();
    await site.run('ext', 'inject', REF, 'local:.');
    await declare(site, []);
    expect((await site.run('ext', 'eject', REF, 'local:.')).code).toBe(0);
    const other = await site.run('--json', 'ext', 'eject', REF, 'local:.');
    expect([other.code, documentOf(other)]).toMatchObject([
      3,
      { error: { code: 'NOT_FOUND', message: expect.stringContaining(`nothing of extension "${ID}"`) as unknown } },
    ]);
    await declare(site, [{ id: ID, ref: 'http.gtxpack' }], 'pack');
    expect((await site.run('ext', 'eject', REF, 'local:.', '--pack', 'pack')).code).toBe(0);
  });

  test('is told as what it is: a file whose bytes are right', async () => {
    await using site = await startSite();
    const { stdout, stderr } = await site.run('ext', 'inject', REF, 'local:.');
    expect(stdout).toContain('the component of acme.http');
    const where = /where {7}(?<directory>\/.*)\/component\.wasm\n/.exec(stdout)?.groups?.['directory'] ?? '-';
    expect(stderr).toMatch(/placed ext-acme-http-[0-9a-f]{8} v1 in /);
    expect(stderr).toContain(` in ${where}\n`);
    expect(stdout).toMatch(/where {7}\/.*\/ext-acme-http-[0-9a-f]{8}-v1-[0-9a-f]{12}-[0-9a-f]{16}\/component\.wasm\n/);
    expect(stdout).toContain('every byte read back from the disk; it is no program that is started');
  });
});

describe(
  'a component that is placed into a container',
  requireOrSkip(await dockerAvailable('toolcrib-test/static')),
  () => {
    test('stands there read-only for its user, also where nothing can be started, whatever its architecture', async () => {
      await using site = await startSite();
      await using container = await startContainer({ image: 'toolcrib-test/static', args: ['--user', '1000'] });
      const sandbox = `docker:${container.name}`;
      const facts = placed(await site.run('--json', 'ext', 'inject', REF, sandbox));
      expect(facts).toMatchObject({ rung: 'namespace', protection: 'root-owned', readBack: 'host', proof: 'bytes' });
      await docker('cp', `${container.name}:${facts.path}`, join(site.folder, 'copied'));
      expect(await readFile(join(site.folder, 'copied'))).toEqual(component);
      const again = placed(await site.run('--json', 'ext', 'inject', REF, sandbox));
      expect(again).toEqual({ ...facts, reused: true, plan: [] });
      expect((await site.run('ext', 'eject', REF, sandbox)).code).toBe(0);
    });
  },
);
