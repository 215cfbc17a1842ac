import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifyResultApart, writeResult } from '../../../src/cli/child-result.ts';

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

test('a result does not take the place of what is recorded, or recorded from', () => {
  const others = new Map([
    ['--output', 'run.tar.gz'],
    ['--policy-log', undefined],
    ['--sdk-log', 'sdk.ndjson'],
  ]);
  expect(() => verifyResultApart('./run.tar.gz', others)).toThrow('--result and --output name the same file');
  expect(() => verifyResultApart('x/../sdk.ndjson', others)).toThrow('--result and --sdk-log name the same file');
  for (const apart of ['result.json', undefined]) expect(() => verifyResultApart(apart, others)).not.toThrow();
});
