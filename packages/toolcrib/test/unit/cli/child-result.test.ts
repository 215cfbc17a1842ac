import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeResult } from '../../../src/cli/child-result.ts';

test('a result that cannot be written does not keep back how the command ended and where it is recorded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-result-'));
  try {
    const result = { exitStatus: 3, archive: '/runs/a.tar.gz' };
    await writeResult(join(folder, 'r.json'), result);
    expect(JSON.parse(await readFile(join(folder, 'r.json'), 'utf8'))).toEqual(result);
    const refused = writeResult(join(folder, 'nosuch/r.json'), result);
    await expect(refused).rejects.toMatchObject({
      code: 'STORAGE',
      message: expect.stringContaining('the command is over (3) and is recorded in /runs/a.tar.gz') as string,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
