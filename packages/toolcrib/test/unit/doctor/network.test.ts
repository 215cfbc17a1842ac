import { join } from 'node:path';
import { expect, test } from 'vitest';
import { examineAuthorities } from '../../../src/doctor/network.ts';
import { projectFolder } from '../config/project-folder.ts';
import { failureOfAsync } from '../core/failure.ts';
import { NO_FILE } from '../disk/no-file.ts';

test.each([...NO_FILE, ['nothing', () => Promise.resolve()] as const])(
  'a file of authorities that is %s comes with what to do',
  async (_, put) => {
    const path = join(await projectFolder(), 'ca.pem');
    await put(path);
    const failure = await failureOfAsync(() => examineAuthorities('SSL_CERT_FILE', path));
    expect(failure).toMatchObject({ name: 'UsageError', hint: 'name a PEM file, or unset it' });
    expect(failure.message).toContain(path);
  },
);
