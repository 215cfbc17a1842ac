import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examineParent } from '../../../src/inject/examine-parent.ts';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';

test('a link on the way to a parent in a local sandbox refuses that parent, and no other', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'local-'));
  try {
    await mkdir(join(folder, 'opt'));
    await symlink('opt', join(folder, 'var'));
    const sandbox = await openLocalSandbox(folder, { env: {} });
    expect(await examineParent(sandbox, '/var/lib/toolcrib', 0)).toMatchObject({ refusal: '/var is a link' });
    expect(await examineParent(sandbox, '/opt/toolcrib', 0)).toMatchObject({ refusal: undefined, existing: '/opt' });
  } finally {
    await rm(folder, { recursive: true });
  }
});
