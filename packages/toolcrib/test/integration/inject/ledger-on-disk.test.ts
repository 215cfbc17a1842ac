import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { mountSmallDisk, type SmallDisk } from '../../servers/small-disk.ts';
import { programsMissing } from '../build/samples.ts';
import { documentOf, toolcrib } from '../cli/command-line.ts';
import { syntheticProject } from './synthetic-project.ts';

const ready = requireOrSkip(
  (process.getuid?.() === 0 ? undefined : 'root, to mount file systems') ?? (await programsMissing('gcc')),
);

/** A project whose cache has a disk of its own, with the tool in one of its two local sandboxes. */
async function site() {
  const project = await syntheticProject();
  const disk: SmallDisk = await mountSmallDisk(8);
  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    toolcrib(args, { cwd: project.folder, env: { TOOLCRIB_CACHE_DIR: join(disk.path, 'cache'), ...env } });
  for (const box of ['one', 'two']) await mkdir(join(project.folder, box));
  expect(await run(['inject', 'local:one'])).toMatchObject({ code: 0 });
  return {
    project,
    disk,
    run,
    standing: (box: string) => readdir(join(project.folder, box, 'var/lib/toolcrib')),
    async [Symbol.asyncDispose]() {
      await disk[Symbol.asyncDispose]();
      await project[Symbol.asyncDispose]();
    },
  };
}

describe('a read-only cache', ready, () => {
  test('has its artifacts injected with another ledger, which plan and hint tell', async () => {
    await using at = await site();
    at.disk.makeReadOnly();
    for (const more of [[], ['--plan']]) {
      const refused = await at.run(['--json', 'inject', 'local:two', ...more]);
      expect(refused.code).toBe(7);
      expect(documentOf(refused)).toMatchObject({
        error: {
          code: 'STORAGE',
          message: expect.stringMatching(/^the ledger of placements: .*v1\/placements.*: EROFS$/) as string,
          hint: expect.stringContaining('set TOOLCRIB_LEDGER_DIR') as string,
        },
      });
    }

    const elsewhere = { TOOLCRIB_LEDGER_DIR: 'ledger' };
    const planned = await at.run(['--json', 'inject', 'local:two', '--plan'], elsewhere);
    expect(documentOf(planned)).toMatchObject({ possible: true, placed: null });
    const placed = await at.run(['--json', 'inject', 'local:two'], elsewhere);
    expect(documentOf(placed)).toMatchObject({ placement: { reused: false } });
    const [name = ''] = await at.standing('two');
    expect(await at.run(['exec', 'local:two', '--', 'version'], elsewhere)).toMatchObject({ code: 0 });
    expect(await at.standing('two')).toEqual([name]);
    expect(documentOf(await at.run(['--json', 'cache', 'ls'], elsewhere))).toMatchObject({
      artifacts: [{}],
      placements: [{ directory: `/var/lib/toolcrib/${name}`, isPlaced: true }],
    });
    const ejected = await at.run(['--json', 'eject', 'local:two'], elsewhere);
    expect(documentOf(ejected)).toMatchObject({ directories: [{ outcome: 'removed' }] });
    expect(await at.standing('two')).toEqual([]);
  });

  test('has what was placed used, and keeps it from being ejected', async () => {
    await using at = await site();
    at.disk.makeReadOnly();
    const again = await at.run(['--json', 'inject', 'local:one']);
    expect(documentOf(again)).toMatchObject({ placement: { reused: true } });
    const plan = await at.run(['--json', 'inject', 'local:one', '--plan']);
    expect(documentOf(plan)).toMatchObject({ possible: true, placed: { protection: 'same-user' } });
    const refused = await at.run(['--json', 'eject', 'local:one']);
    expect(refused.code).toBe(7);
    expect(documentOf(refused)).toMatchObject({
      error: { code: 'STORAGE', hint: expect.stringContaining('let this user write there') as string },
    });
    expect(await at.standing('one')).toHaveLength(1);
  });
});

describe('a cache on a full disk', ready, () => {
  test('has what was placed used and ejected, and says that the ledger has no room for more', async () => {
    await using at = await site();
    await at.disk.fill();
    const again = await at.run(['--json', 'inject', 'local:one']);
    expect(documentOf(again)).toMatchObject({ placement: { reused: true } });
    expect(documentOf(await at.run(['--json', 'inject', 'local:two']))).toMatchObject({
      error: { details: { system: 'ENOSPC' }, hint: expect.stringContaining('free space there, or set') as string },
    });
    const ejected = await at.run(['--json', 'eject', 'local:one']);
    expect(documentOf(ejected)).toMatchObject({ directories: [{ kind: 'placement', outcome: 'removed' }] });
    expect(await at.standing('one')).toEqual([]);
    expect(documentOf(await at.run(['--json', 'eject', 'local:one']))).toMatchObject({ directories: [] });
  });
});
