import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hostRedactionKey, readRedactionKey } from '../../../../src/run/redaction/key-file.ts';
import { failureOfAsync } from '../../core/failure.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'toolcrib-key-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe('the redaction key of a host', () => {
  test('is made once, for its owner alone, and is the same for all who race for it', async () => {
    const path = join(directory, 'sub/key');
    const keys = await Promise.all(Array.from({ length: 8 }, () => hostRedactionKey(path, randomBytes)));
    const distinct = new Set(keys.map(({ bytes, scope }) => `${scope} ${Buffer.from(bytes).toString('hex')}`));
    expect(distinct.size).toBe(1);
    expect([...distinct][0]).toMatch(/^host_local [0-9a-f]{64}$/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toMatch(/^assay-redaction-key-v1:[A-Za-z0-9_-]{43}\n$/);
    expect(await readRedactionKey(path)).toEqual(keys[0]);
  });

  test('is never replaced when it cannot be read', async () => {
    const path = join(directory, 'key');
    await writeFile(path, 'damaged');
    expect((await failureOfAsync(() => hostRedactionKey(path, randomBytes))).code).toBe('USAGE');
    expect(await readFile(path, 'utf8')).toBe('damaged');
    expect((await failureOfAsync(() => hostRedactionKey(directory, randomBytes))).code).toBe('STORAGE');
  });

  test('that the user names has to be there', async () => {
    const error = await failureOfAsync(() => readRedactionKey(join(directory, 'none')));
    expect([error.code, error.message]).toEqual(['USAGE', `there is no redaction key at ${directory}/none`]);
    expect(error.hint).toContain('name that of the host');
  });
});
