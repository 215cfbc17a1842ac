import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { runTool, startTool, temporaryDirectory } from '../tool.ts';

const held = (...command: string[]) => ['hold', '--', ...command];

/** What a stream says first. */
async function firstOf(stream: Readable): Promise<string> {
  const events: unknown[] = await once(stream, 'data');
  return String(events[0]);
}

describe('hold', () => {
  it('says on stderr that it is held, and becomes the command with the same pid once it is released', async () => {
    const tool = startTool(held('sh', '-c', 'echo $$; exit 9'), { PATH: '/usr/bin' });
    expect(await firstOf(tool.stderr)).toBe(`toolcrib-hold {"held":true,"pid":${tool.pid ?? ''}}\n`);
    expect(readFileSync(`/proc/${tool.pid ?? ''}/cmdline`, 'utf8')).toContain('hold');
    tool.stdin.write('go\n');
    expect(await firstOf(tool.stdout)).toBe(`${tool.pid ?? ''}\n`);
    if (tool.exitCode === null) await once(tool, 'exit');
    expect(tool.exitCode).toBe(9);
  });

  it('leaves what follows the word on stdin to the command, and stdout clean', () => {
    const { status, stdout } = runTool(held('cat'), { PATH: '/usr/bin' }, 'go\ngo\nrest');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'go\nrest' });
  });

  it('gives the command no descriptor but the three standard ones', () => {
    const list = ['-c', 'ls /proc/$$/fd'];
    const { stdout } = runTool(held('sh', ...list), { PATH: '/usr/bin' }, 'go\n');
    // What the test runner's own parents left open is inherited by every process here.
    expect(stdout).toBe(spawnSync('/bin/sh', list, { encoding: 'utf8' }).stdout);
  });

  it('passes arguments as they are', () => {
    const args = ['', ' a  b ', '$HOME', '--', '--help', 'é'];
    expect(runTool(held('/usr/bin/printf', '<%s>', ...args), {}, 'go\n').stdout).toBe(
      args.map((arg) => `<${arg}>`).join(''),
    );
  });

  it('exits with 125 when stdin ends before the word, or says something else', () => {
    for (const input of ['', 'g', 'go', 'no\n', 'goo\n', 'x'.repeat(1000)]) {
      const { status, stdout, stderr } = runTool(held('echo', 'started'), { PATH: '/usr/bin' }, input);
      expect({ status, stdout }).toEqual({ status: 125, stdout: '' });
      expect(stderr).toContain('not released');
    }
  });

  it('exits with 127 for a command that is not found, 126 for one that is not executable', () => {
    using directory = temporaryDirectory();
    writeFileSync(join(directory.path, 'plain'), 'x');
    writeFileSync(join(directory.path, 'script'), '#!/nowhere/sh\n', { mode: 0o755 });
    const status = (command: string) => runTool(held(command), { PATH: directory.path }, 'go\n').status;
    expect(status('absent')).toBe(127);
    expect(status('/absent/too')).toBe(127);
    expect(status('script')).toBe(127);
    expect(status('plain')).toBe(126);
    expect(status('/usr')).toBe(126);
  });

  it('runs a script without an interpreter line as a shell would', () => {
    using directory = temporaryDirectory();
    writeFileSync(join(directory.path, 'script'), 'echo "ran $1"\n', { mode: 0o755 });
    expect(runTool(held('script', 'x'), { PATH: directory.path }, 'go\n').stdout).toBe('ran x\n');
  });
});
