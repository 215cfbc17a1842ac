import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { usersFor } from '../../../src/inject/attempts.ts';
import { detectSandbox } from '../../../src/inject/detect-sandbox.ts';
import { examineParent } from '../../../src/inject/examine-parent.ts';
import { planWays } from '../../../src/inject/ways.ts';
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

test('where no engine is, none is told of: not as who places, and not as who knows the machine', async () => {
  await using scratch = await createScratch();
  const box = await boxIn(scratch.path);
  await mkdir(join(scratch.path, 'opt'));
  await chmod(join(scratch.path, 'opt'), 0o777);
  const install = [PARENT, '/opt/toolcrib'];
  const plan = await planWays({ sandbox: box, install, hasLinks: false, hostTree: undefined });
  expect(plan.map(({ reason }) => reason)).toEqual([
    'it would be placed by toolcrib itself',
    'others than root can write /opt (mode 0777): a link planted there would lead toolcrib itself elsewhere',
  ]);
  expect((await detectSandbox(box)).evidence[0]).toBe(`this machine is ${process.arch}`);
  const { isolation: _, ...identity } = box.identity;
  const uploader = { writeFile: () => Promise.resolve() };
  expect((await detectSandbox({ ...box, identity, uploader })).evidence[0]).toBe(`the sandbox says ${process.arch}`);
  expect((await detectSandbox({ ...box, identity })).evidence[0]).toBe(`the engine says ${process.arch}`);
});
