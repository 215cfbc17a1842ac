import type { BigIntStats } from 'node:fs';
import { appendFile, chmod, mkdir, open, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inheritedRights, watchLog } from '../../../../src/run/ingest/watch-log.ts';
import { createScratch } from '../../disk/scratch.ts';

/** Of a user whom nothing belongs to here. */
const NOBODY = { uid: 65_533, isPrivileged: false, streams: [] };

/** What reading a log sees of it. */
async function readOf(path: string): Promise<readonly BigIntStats[]> {
  const seen = await stat(path, { bigint: true });
  return [seen, seen];
}

describe('a log that is watched', () => {
  test('could be written by a command that has the rights of this process, which made it', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'log');
    const judge = await watchLog(path, await inheritedRights());
    await writeFile(path, 'x\n');
    expect((await judge(await readOf(path))).command_could_write).toBe(true);
  });

  test('is not the own one of a user who may write nowhere on the way to it', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'log');
    const judge = await watchLog(path, NOBODY);
    await writeFile(path, 'x\n', { mode: 0o644 });
    expect((await judge(await readOf(path))).command_could_write).toBe(false);
    await chmod(path, 0o646);
    expect((await judge(await readOf(path))).because).toEqual(['everybody may write it']);
  });

  test('is not the own one of anybody without privileges while it does not change', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'log');
    await writeFile(path, 'x\n');
    await chmod(path, 0o666);
    const judge = await watchLog(path, NOBODY);
    expect((await judge(await readOf(path))).command_could_write).toBe(false);
    await appendFile(path, 'y\n');
    expect((await judge(await readOf(path))).command_could_write).toBe(true);
  });

  test('is found behind a link, whose folder counts too, and behind a standard stream', async () => {
    await using scratch = await createScratch();
    const [path, folder] = [join(scratch.path, 'log'), join(scratch.path, 'links')];
    await mkdir(folder);
    await chmod(folder, 0o777);
    const link = join(folder, 'link');
    const stream = await open(path, 'w');
    try {
      await symlink(path, link);
      const judge = await watchLog(link, { ...NOBODY, streams: [stream.fd] });
      await stream.write('x\n');
      expect((await judge(await readOf(path))).because).toEqual([
        'a standard stream of the command leads to it',
        `the command may replace what is in ${folder}`,
      ]);
    } finally {
      await stream.close();
    }
  });

  test('is not what was read where another file was in its place while it was read, and nothing of it changed', async () => {
    await using scratch = await createScratch();
    const [path, other] = [join(scratch.path, 'log'), join(scratch.path, 'other')];
    await writeFile(path, 'x\n');
    await writeFile(other, 'y\n');
    const judge = await watchLog(path, NOBODY);
    expect((await judge(await readOf(other))).because).toEqual(['its path leads to another file by now']);
  });

  test('counts the folders of all links on the way, also of those that links lead to', async () => {
    await using scratch = await createScratch();
    const [home, gate] = [join(scratch.path, 'home'), join(scratch.path, 'gate')];
    await mkdir(home);
    await chmod(home, 0o777);
    await mkdir(gate);
    await writeFile(join(gate, 'log'), 'x\n');
    await symlink('../gate', join(home, 'b'));
    await symlink(join(home, 'b'), join(scratch.path, 'a'));
    const path = join(scratch.path, 'a', '.', 'log');
    const judge = await watchLog(path, NOBODY);
    const because = [`the command may replace what is in ${home}`];
    expect(await judge(await readOf(path))).toEqual({ command_could_write: true, because });
  });

  test('that links lead to in a circle cannot be examined', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'log');
    await symlink(path, path);
    const judge = await watchLog(path, NOBODY);
    expect((await judge([])).because).toEqual(['who may write it could not be examined']);
  });

  test('that is gone, or in a place where nobody may look, counts as written by the command', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'log');
    await writeFile(path, 'x\n');
    const judge = await watchLog(path, NOBODY);
    await rm(path);
    const unknown = { command_could_write: true, because: ['who may write it could not be examined'] };
    expect(await judge([])).toEqual(unknown);
    const unseen = await watchLog(join(path, '\0'), NOBODY);
    expect(await unseen([])).toEqual(unknown);
  });
});
