import { createHash } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fetchRuntime } from '../../../src/build/toolchain.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { gzip, writeTar } from '../../../src/tar/write.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { collect } from '../../unit/tar/bytes.ts';

test.each([
  ['leaves nothing', ':', 'left no tarball', 'is "npm" on the PATH'],
  ['leaves a package without Bun in it', 'cp package.tgz "$5"', 'has no package/bin/bun', 'report it'],
])('an npm that %s is told of with what to do', async (_, program, message, hint) => {
  const entry = { path: 'package/README', kind: 'file', mode: 0o644, bytes: Buffer.from('none') } as const;
  const tarball = await collect(gzip(writeTar([entry])));
  await using project = await scratchProject({ npm: `#!/bin/sh\n${program}\n` });
  await project.write('package.tgz', tarball);
  await chmod(join(project.folder, 'npm'), 0o755);
  const toolchain = {
    cache: join(project.folder, 'cache'),
    folder: project.folder,
    env: { PATH: `${project.folder}:${process.env['PATH'] ?? ''}` },
    ...{ reporter: silentReporter, signal: AbortSignal.timeout(60_000), offline: false },
  };
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}` as const;
  const runtime = { package: '@maker/compiler', version: '1.2.3', integrity, executable: digestOf('a compiler') };
  const failure = await failureOfAsync(() => fetchRuntime(toolchain, runtime));
  expect(failure).toMatchObject({ name: 'IntegrityError', code: 'MALFORMED' });
  expect(failure.message).toContain(message);
  expect(failure.hint).toContain(hint);
});
