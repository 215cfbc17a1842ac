import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPublishToken, readPublishToken } from '../../../src/serve/publish-token.ts';
import { failureOf, failureOfAsync } from '../core/failure.ts';
import { createScratch } from '../disk/scratch.ts';

const TOKEN = 'c0ffee'.repeat(8);

describe('the token of a server', () => {
  test('matches the header that carries it and no other', () => {
    const token = createPublishToken(TOKEN, 'here');
    expect(token.matches(`Bearer ${TOKEN}`)).toBe(true);
    expect(token.matches(`bearer  ${TOKEN}`)).toBe(true);
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(token.matches(text)).toBe(false);
        expect(token.matches(`Bearer ${text}`)).toBe(false);
        expect(token.matches(`Bearer ${TOKEN}${text}x`)).toBe(false);
      }),
    );
    for (const header of [undefined, '', TOKEN, 'Bearer', `Basic ${TOKEN}`, `Bearer ${TOKEN.slice(1)}`]) {
      expect(token.matches(header)).toBe(false);
    }
  });

  test.each(['', 'short', 'a'.repeat(31), `${'a'.repeat(32)} b`, `${'a'.repeat(32)}\nb`, 'ä'.repeat(40)])(
    'is refused when it is %j, and not repeated in the message',
    (text) => {
      const failure = failureOf(() => createPublishToken(text, 'the file'));
      expect(failure).toMatchObject({ code: 'USAGE' });
      if (text !== '') expect(JSON.stringify([failure.message, failure.hint, failure.details])).not.toContain(text);
    },
  );

  test('is read from a file that its owner and group may read', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'token');
    await writeFile(path, `${TOKEN}\n`);
    for (const mode of [0o400, 0o600, 0o640]) {
      await chmod(path, mode);
      expect((await readPublishToken(path)).matches(`Bearer ${TOKEN}`)).toBe(true);
    }
    for (const mode of [0o644, 0o604, 0o602, 0o601]) {
      await chmod(path, mode);
      expect(await failureOfAsync(() => readPublishToken(path))).toMatchObject({
        code: 'USAGE',
        hint: `chmod 600 ${path}`,
      });
    }
  });

  test('is not waited for in a pipe, nor read from a directory, nor from a file of any size', async () => {
    await using scratch = await createScratch();
    const [pipe, folder, large] = [join(scratch.path, 'p'), join(scratch.path, 'f'), join(scratch.path, 'l')];
    await promisify(execFile)('mkfifo', ['-m', '600', pipe]);
    await mkdir(folder, 0o700);
    await writeFile(large, 'a'.repeat(5000), { mode: 0o600 });
    expect(await failureOfAsync(() => readPublishToken(pipe))).toMatchObject({ code: 'STORAGE' });
    expect(await failureOfAsync(() => readPublishToken(folder))).toMatchObject({ code: 'STORAGE' });
    expect(await failureOfAsync(() => readPublishToken(large))).toMatchObject({ code: 'USAGE' });
    const missing = join(scratch.path, 'missing');
    expect(await failureOfAsync(() => readPublishToken(missing))).toMatchObject({ code: 'NOT_FOUND' });
  });
});
