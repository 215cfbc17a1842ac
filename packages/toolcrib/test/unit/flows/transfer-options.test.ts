import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createHost } from '../../../src/flows/host.ts';
import { transferOptions } from '../../../src/flows/open-store.ts';
import { projectFolder } from '../config/project-folder.ts';
import { failureOfAsync } from '../core/failure.ts';
import { NO_FILE } from '../disk/no-file.ts';

const optionsWith = (authorities: string) =>
  transferOptions(createHost({ env: { HOME: '/', SSL_CERT_FILE: authorities } }));

describe('the certificates that SSL_CERT_FILE names', () => {
  test('are trusted by every connection', async () => {
    const folder = await projectFolder({ 'ca.pem': 'an authority' });
    expect(await optionsWith(join(folder, 'ca.pem'))).toMatchObject({ certificateAuthorities: 'an authority' });
  });

  test.each([...NO_FILE, ['nothing', () => Promise.resolve()] as const])(
    'are not waited for when it is %s',
    async (_, put) => {
      const path = join(await projectFolder(), 'ca.pem');
      await put(path);
      const failure = await failureOfAsync(() => optionsWith(path));
      expect(failure).toMatchObject({ name: 'UsageError', code: 'USAGE' });
      expect(failure.message).toContain(path);
      expect(failure.hint).toBe('name a PEM file, or unset the variable');
    },
  );
});
