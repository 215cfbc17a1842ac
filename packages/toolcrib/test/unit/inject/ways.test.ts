import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { usersFor } from '../../../src/inject/attempts.ts';
import { examineParent } from '../../../src/inject/examine-parent.ts';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { createScratch } from '../disk/scratch.ts';

const PARENT = '/var/lib/toolcrib';

/** A local sandbox below `folder`, whose directories are root's alone for what it says. */
async function boxIn(folder: string): Promise<Sandbox> {
  await mkdir(join(folder, 'var/lib'), { recursive: true });
  const local = await openLocalSandbox(folder, { env: {} });
  return { ...local, readOwner: () => Promise.resolve(0) };
}

test('root places only where programs can be run as another user than the own one', async () => {
  await using scratch = await createScratch();
  const box = await boxIn(scratch.path);
  const examination = await examineParent(box, PARENT, 1000);
  const users = (choosesUser: boolean, uid: number) => usersFor({ choosesUser }, examination, uid);
  expect(users(true, 1000)).toEqual(['0', undefined]);
  expect(users(false, 1000)).toEqual([undefined]);
  expect(users(true, 0)).toEqual([undefined]);
});
