import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dockerAvailable } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { unpackRoot } from '../../servers/root-directory.ts';
import { syntheticArtifact } from '../inject/synthetic-artifact.ts';
import { execSite } from './exec-site.ts';

/** As a shell tells the end of a program by a signal, or any other end. */
const endingWith = (code: number) => syntheticArtifact({ program: Buffer.from(`#!/bin/sh\nexit ${code}\n`) });

test('a tool that arrived whole and crashed is sent no second time to the same file system', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'crash-'));
  const install = [join(folder, 'one'), join(folder, 'other')];
  await using it = await execSite(['env']);
  try {
    for (const [code, tried] of [
      [134, [/^exec-tar in .*one: the health check ended with 134 \(SIGABRT\)/]],
      [3, [/^exec-tar in .*one/, /^exec-cat in .*one/, /^exec-tar in .*other/, /^exec-cat in .*other/]],
    ] as const) {
      await expect(it.inject(await endingWith(code), { install })).rejects.toMatchObject({
        code: 'NOT_INJECTABLE',
        details: { plan: tried.map((step) => expect.stringMatching(step) as string) },
      });
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe('a root without /proc', requireOrSkip(await dockerAvailable('toolcrib-test/busybox')), () => {
  test('is named to whom the tool crashes in it, and one with a file as /dev/null is not opened', async () => {
    const root = await unpackRoot('toolcrib-test/busybox');
    const device = join(root, 'dev/null');
    try {
      await rm(device, { force: true });
      await expect(execSite(['chroot', root])).rejects.toMatchObject({ code: 'EXEC_FAILED' });
      execFileSync('mknod', ['-m', '666', device, 'c', '1', '3']);
      await using it = await execSite(['chroot', root]);
      await expect(it.inject(await endingWith(134))).rejects.toMatchObject({
        code: 'NOT_INJECTABLE',
        hint: expect.stringContaining('/proc is not there') as string,
        details: { plan: [expect.stringMatching(/^exec-tar in /) as string] },
      });
    } finally {
      await rm(root, { recursive: true });
    }
  });
});
