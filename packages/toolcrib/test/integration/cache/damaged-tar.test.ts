import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { toolcrib } from '../cli/command-line.ts';
import { programsMissing } from '../build/samples.ts';
import { syntheticProject } from '../inject/synthetic-project.ts';

const UNPACKED = 'cache/v1/unpacked';

test(
  'an injection makes an unpacked form again that was changed in the cache, says so, and places the artifact',
  requireOrSkip(await programsMissing('gcc')),
  async () => {
    await using project = await syntheticProject();
    const { folder } = project;
    for (const root of ['first', 'second']) await mkdir(join(folder, root));
    const inject = (root: string) => toolcrib(['inject', `local:${root}`], { cwd: folder });
    expect(await inject('first')).toMatchObject({ code: 0 });

    const name = (await readdir(join(folder, UNPACKED))).find((file) => file.endsWith('.tar')) ?? '';
    const tar = join(folder, UNPACKED, name);
    const good = await readFile(tar);
    const changed = Buffer.from(good);
    changed[2000] = (changed[2000] ?? 0) ^ 1; // within the program
    await writeFile(tar, changed);

    const end = await inject('second');
    expect(end).toMatchObject({ code: 0 });
    expect(end.stderr).toContain('was changed in the cache, and is made again');
    expect(await readFile(tar)).toEqual(good);
    expect(await toolcrib(['cache', 'verify'], { cwd: folder })).toMatchObject({ code: 0 });
  },
);
