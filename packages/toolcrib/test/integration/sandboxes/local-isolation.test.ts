import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import { collectOutput } from '../../../src/inject/output.ts';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { bubblewrapMissing, unpackRoot } from '../../servers/root-directory.ts';
import { programsMissing } from '../build/samples.ts';
import { compileSyntheticTool, injectionOf, syntheticArtifact } from '../inject/synthetic-artifact.ts';

async function shell(sandbox: Sandbox, script: string): Promise<string> {
  return (await collectOutput(await sandbox.exec({ argv: ['/bin/sh', '-c', script], stdin: false }))).stdout.trim();
}

const missing = (await programsMissing('gcc')) ?? (await bubblewrapMissing());

describe('a local root file system with bubblewrap', requireOrSkip(missing), () => {
  test('holds a tool whose programs see nothing of this machine, and says so', async () => {
    const root = await unpackRoot('toolcrib-test/busybox');
    const ledger = await mkdtemp(join(tmpdir(), 'ledger-'));
    const secret = join(ledger, 'secret');
    await writeFile(secret, 'of this machine');
    try {
      const sandbox = await openLocalSandbox(root, { env: { ...process.env, SECRET: 'x' } });
      const placed = await injectTool(
        injectionOf(sandbox, await syntheticArtifact({ program: await compileSyntheticTool() }), ledger),
      );
      expect(placed).toMatchObject({ rung: 'archive', readBack: 'engine', protection: 'same-user' });
      expect(placed.why).toContain('bubblewrap isolates its programs');
      expect(placed.command[0]).toBe(`${placed.directory}/bin/synthetic`);
      expect(await readdir(join(root, placed.directory))).toContain('note.txt');
      expect(await shell(sandbox, `cat ${secret} 2>&1; echo $SECRET; id -u; ls /proc | grep -c "^[0-9]"`)).toMatch(
        /No such file or directory\n\n0\n[1-5]$/,
      );
      expect(await shell(sandbox, 'cat /proc/net/dev | grep -vc "lo:\\|Inter\\|face"')).toBe('0');
    } finally {
      await Promise.all([root, ledger].map((path) => rm(path, { recursive: true })));
    }
  });

  test('is a plain directory where there is no bubblewrap, or one that may not do it', async () => {
    const root = await unpackRoot('toolcrib-test/busybox');
    const programs = await mkdtemp(join(tmpdir(), 'programs-'));
    try {
      await writeFile(
        join(programs, 'bwrap'),
        '#!/bin/sh\necho "bwrap: No permissions to create new namespace" >&2; exit 1\n',
      );
      await chmod(join(programs, 'bwrap'), 0o755);
      for (const PATH of ['/nowhere', programs]) {
        const sandbox = await openLocalSandbox(root, { env: { PATH } });
        expect(sandbox.identity).toMatchObject({ isolation: 'none', engine: 'local' });
        expect(await shell(sandbox, 'pwd')).toBe(root);
      }
      const isolated = await openLocalSandbox(root, { env: process.env });
      expect(isolated.identity).toMatchObject({ isolation: 'bubblewrap', engine: 'local+bubblewrap' });
      const plain = await openLocalSandbox(programs, { env: process.env });
      expect(plain.identity).toMatchObject({ isolation: 'none' });
    } finally {
      await Promise.all([root, programs].map((path) => rm(path, { recursive: true })));
    }
  });

  test('ends what runs in it when its call is aborted', async () => {
    const root = await unpackRoot('toolcrib-test/busybox');
    try {
      const sandbox = await openLocalSandbox(root, { env: process.env });
      const controller = new AbortController();
      const marker = `sleep 7${process.pid}`;
      const argv = ['/bin/sh', '-c', `${marker} & echo begun; wait`];
      const started = await sandbox.exec({ argv, stdin: true, signal: controller.signal });
      await new Promise((resolve) => started.stdout.once('data', resolve));
      expect(await commandLines()).toContain(marker);
      controller.abort(new Error('enough'));
      await expect(started.exit).rejects.toThrow('enough');
      await expect.poll(commandLines, { timeout: 10_000 }).not.toContain(marker);
    } finally {
      await rm(root, { recursive: true });
    }
  });

  test('leaves no bubblewrap behind that is aborted before it has begun', async () => {
    const root = await unpackRoot('toolcrib-test/busybox');
    try {
      const sandbox = await openLocalSandbox(root, { env: process.env });
      for (let step = 0; step < 40; step++) {
        const controller = new AbortController();
        const argv = ['/bin/sleep', '1000'];
        const started = await sandbox.exec({ argv, stdin: true, signal: controller.signal });
        // From its first moment on, in steps of some microseconds: its child is not there, waits, mounts, or runs.
        for (const until = performance.now() + step / 8; performance.now() < until;);
        controller.abort(new Error('at once'));
        await expect(started.exit).rejects.toThrow('at once');
      }
      await expect.poll(commandLines, { timeout: 10_000 }).not.toContain(root);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

/** Of all processes of this machine. */
async function commandLines(): Promise<string> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'latin1').catch(() => '')));
  return lines
    .map((line) => line.replaceAll('\0', ' ').trim())
    .filter((line) => !line.includes('echo begun'))
    .join('\n');
}
