import { appendFile, chmod, mkdir, open, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inheritedRights, watchLog } from '../../../../src/run/ingest/watch-log.ts';
import { createScratch } from '../../disk/scratch.ts';

/** Of a user whom nothing belongs to here. */
const NOBODY = { uid: 65_533, isPrivileged: false, streams: [] };

describe('a log that is watched', () => {
  test('could be written by a command that has the rights of this process, which made it', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'log');
    const judge = await watchLog(path, await inheritedRights());
    await writeFile(path, 'x\n');
    expect((await judge()).command_could_write).toBe(true);
  });

  test('is not the own one of a user who may write nowhere on the way to it', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'log');
    const judge = await watchLog(path, NOBODY);
    await writeFile(path, 'x\n', { mode: 0o644 });
    expect((await judge()).command_could_write).toBe(false);
    await chmod(path, 0o646);
    expect((await judge()).because).toEqual(['everybody may write it']);
  });

  test('is not the own one of anybody without privileges while it does not change', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'log');
    await writeFile(path, 'x\n');
    await chmod(path, 0o666);
    const judge = await watchLog(path, NOBODY);
    expect((await judge()).command_could_write).toBe(false);
    await appendFile(path, 'y\n');
    expect((await judge()).command_could_write).toBe(true);
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
      expect((await judge()).because).toEqual([
        'a standard stream of the command leads to it',
        `the command may replace what is in ${folder}`,
      ]);
    } finally {
      await stream.close();
    }
  });

  test('that is gone, or in a place where nobody may look, counts as written by the command', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'log');
    await writeFile(path, 'x\n');
    const judge = await watchLog(path, NOBODY);
    await rm(path);
    const unknown = { command_could_write: true, because: ['who may write it could not be examined'] };
    expect(await judge()).toEqual(unknown);
    const unseen = await watchLog(join(path, '\0'), NOBODY);
    expect(await unseen()).toEqual(unknown);
  });
});
