import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { waitProgram } from '../../../src/sandboxes/docker/wait-program.ts';
import { programsMissing } from '../build/samples.ts';
import { requireOrSkip } from '../../servers/require.ts';

const foreign = process.arch === 'x64' ? undefined : 'the emulator that is looked for translates arm64 for amd64';
const missing = foreign ?? (await programsMissing('qemu-aarch64-static'));

test.each([
  ['amd64', []],
  ['arm64', ['qemu-aarch64-static']],
] as const)(
  'the program that keeps a container running waits on %s until it is killed',
  requireOrSkip(missing),
  async (arch, emulator) => {
    const folder = await mkdtemp(join(tmpdir(), 'wait-program-'));
    try {
      const path = join(folder, 'wait');
      await writeFile(path, waitProgram(arch), { mode: 0o755 });
      const [command = path, ...args] = [...emulator, path];
      const child = spawn(command, args);
      const ended = once(child, 'exit');
      const state = await stateOf(child.pid ?? 0, path);
      child.kill('SIGKILL');
      expect(await ended).toEqual([null, 'SIGKILL']);
      expect(state).toContain('(sleeping)');
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

/** Its state once it sleeps as that program, or how it ended instead. */
async function stateOf(pid: number, path: string): Promise<string> {
  for (;;) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'gone');
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    const isIt = command.includes(path);
    if (!isIt || /^State:.*(?:sleeping|zombie)/m.test(status) || status === 'gone') return status;
    await sleep(10);
  }
}
