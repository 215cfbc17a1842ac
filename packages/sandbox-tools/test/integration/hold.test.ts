import { spawnSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { frameOf, lives, main, runTool, startTool, temporaryDirectory, until } from '../tool.ts';

const held = (...command: string[]) => ['hold', '--', ...command];

/** What a stream says first. */
async function firstOf(stream: Readable): Promise<string> {
  const events: unknown[] = await once(stream, 'data');
  return String(events[0]);
}

describe('hold', () => {
  it('says on stderr that it is held, and becomes the command with the same pid once it is released', async () => {
    const tool = startTool(held('sh', '-c', 'echo $$; exit 9'), { PATH: '/usr/bin' });
    expect(await firstOf(tool.stderr)).toBe(
      `toolcrib-hold {"held":true,"pid":${tool.pid ?? ''},"frames":true,"sentinel":true,"outcome":true}\n`,
    );
    expect(readFileSync(`/proc/${tool.pid ?? ''}/cmdline`, 'utf8')).toContain('hold');
    tool.stdin.write('go\n');
    expect(await firstOf(tool.stdout)).toBe(`${tool.pid ?? ''}\n`);
    if (tool.exitCode === null) await once(tool, 'exit');
    expect(tool.exitCode).toBe(9);
  });

  it('asks the kernel for a file of the name that it is told, and is held on', () => {
    using directory = temporaryDirectory();
    const nonce = 'c0ffee00'.repeat(8);
    const log = join(directory.path, 'calls');
    const watched = ['-f', '-s', '200', '-e', 'trace=open,openat,execve', '-o', log];
    const asked = (input: string) => {
      const { status } = spawnSync('strace', [...watched, process.execPath, main, ...held('true')], {
        env: { PATH: '/usr/bin' },
        input,
      });
      const calls = readFileSync(log, 'utf8').split('\n');
      return {
        status,
        sentinel: calls.findIndex((call) => call.includes(`${nonce}"`) && call.includes('ENOENT')),
        calls,
      };
    };
    const { status, sentinel, calls } = asked(`sentinel ${nonce}\ngo\n`);
    expect(status).toBe(0);
    expect(sentinel).toBeGreaterThan(0);
    expect(calls.findIndex((call) => call.includes('execve("/usr/bin/true"'))).toBeGreaterThan(sentinel);
    expect(asked(`sentinel ${nonce}\n`).status).toBe(125);
    expect(asked(`sentinel ../${nonce}\ngo\n`)).toMatchObject({ status: 125, sentinel: -1 });
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

describe('hold under supervision', () => {
  const end = Buffer.alloc(4);
  const env = { PATH: '/usr/bin' };
  /** Starts a held shell that says the pid of what it runs in the background. */
  async function startPair(script: string) {
    const tool = startTool(held('sh', '-c', `sleep 71 & echo $! $$; ${script}`), env);
    tool.stdin.on('error', () => undefined);
    tool.stdin.write(Buffer.concat([Buffer.from('frames\n'), frameOf('go\n')]));
    return { tool, pids: (await firstOf(tool.stdout)).trim().split(' ').map(Number) };
  }

  /** Runs a held command to its end: the connection stays as long as it runs. */
  async function runHeld(command: readonly string[], input: string | Buffer) {
    const tool = startTool(held(...command), env);
    let stdout = '';
    tool.stdout.setEncoding('latin1').on('data', (text: string) => (stdout += text));
    tool.stdin.on('error', () => undefined).write(Buffer.concat([Buffer.from('frames\n'), Buffer.from(input)]));
    await once(tool, 'close');
    return { status: tool.exitCode, stdout };
  }

  it('gives the command its input without the frames, to its end, and passes its exit code on', async () => {
    const large = Buffer.alloc(3_000_000, 'binary \0 \xff');
    const pieces = [large.subarray(0, 1_000_000), large.subarray(1_000_000, 2_000_000), large.subarray(2_000_000)];
    const input = Buffer.concat([frameOf('go\n'), ...pieces.map(frameOf), end]);
    const digest = createHash('md5').update(large).digest('hex');
    expect(await runHeld(['sh', '-c', 'md5sum; exit 9'], input)).toEqual({ status: 9, stdout: `${digest}  -\n` });
  });

  it('lets a command go on whose input has ended', async () => {
    const input = Buffer.concat([frameOf('go\n'), end]);
    const script = 'cat; sleep 0.2; echo done';
    expect(await runHeld(['sh', '-c', script], input)).toEqual({ status: 0, stdout: 'done\n' });
  });

  it('ends the command and what it started when the connection ends, before its input or after', async () => {
    for (const last of [Buffer.alloc(0), end]) {
      const { tool, pids } = await startPair('trap "" TERM; while :; do sleep 72; done');
      tool.stdin.end(last);
      await until(() => !pids.some(lives));
      if (tool.exitCode === null) await once(tool, 'exit');
      expect(tool.exitCode).toBe(129);
    }
  });

  it('does the same when megabytes are sent that the command does not read', async () => {
    const { tool, pids } = await startPair('exec sleep 73');
    for (let count = 0; count < 8; count++) tool.stdin.write(frameOf(Buffer.alloc(1_000_000)));
    tool.stdin.end();
    await until(() => !pids.some(lives));
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const)('does the same on %s', async (signal, code) => {
    const { tool, pids } = await startPair('wait');
    tool.kill(signal);
    await until(() => !pids.some(lives));
    if (tool.exitCode === null) await once(tool, 'exit');
    expect(tool.exitCode).toBe(code);
  });

  it('leaves alone what a command leaves behind that ends by itself', async () => {
    const { tool, pids } = await startPair('exit 3');
    if (tool.exitCode === null) await once(tool, 'exit');
    expect(tool.exitCode).toBe(3);
    const [left = 0] = pids;
    expect(lives(left)).toBe(true);
    process.kill(left, 'SIGKILL');
  });

  it('exits with 128+N for a command that a signal ended, with 126 and 127 for one that did not start', async () => {
    const go = frameOf('go\n');
    expect((await runHeld(['sh', '-c', 'kill -9 $$'], go)).status).toBe(137);
    expect((await runHeld(['absent'], go)).status).toBe(127);
    expect((await runHeld(['/usr'], go)).status).toBe(126);
  });

  describe('tells who gave it a key how the command ended', () => {
    const key = 'c0ffee00'.repeat(8);
    const toldOf = (end: string): string =>
      `\x1etoolcrib-hold ${end} ${createHmac('sha256', Buffer.from(key, 'hex')).update(end).digest('hex')}\n`;
    const asked = Buffer.from(`outcome ${key}\nframes\n`);

    async function stderrOf(tool: ReturnType<typeof startTool>): Promise<string> {
      let stderr = '';
      tool.stderr.setEncoding('latin1').on('data', (text: string) => (stderr += text));
      await once(tool, 'close');
      return stderr.slice(stderr.indexOf('\n') + 1);
    }

    it.each([
      ['a code', ['sh', '-c', 'printf a >&2; exit 137'], `a${toldOf('exited 137')}`, 137],
      ['a signal', ['sh', '-c', 'kill -9 $$'], toldOf('killed 9'), 137],
      ['that it was not started', ['absent'], toldOf('refused 127'), 127],
    ] as const)('by %s', async (_what, command, told, status) => {
      const tool = startTool(held(...command), env);
      tool.stdin.on('error', () => undefined).write(Buffer.concat([asked, frameOf('go\n')]));
      expect((await stderrOf(tool)).endsWith(told)).toBe(true);
      expect(tool.exitCode).toBe(status);
    });

    it('also when it ended the command itself, because the connection ended', async () => {
      const tool = startTool(held('sh', '-c', 'trap "exit 3" TERM; echo; while :; do sleep 0.1; done'), env);
      tool.stdin.write(Buffer.concat([asked, frameOf('go\n')]));
      await firstOf(tool.stdout);
      tool.stdin.end();
      expect(await stderrOf(tool)).toContain(toldOf('exited 3'));
      expect(tool.exitCode).toBe(129);
    });

    it('and gives up when the connection ends and nobody reads', async () => {
      const tool = startTool(held('sh', '-c', 'echo; exec yes >&2'), env);
      tool.stdin.write(Buffer.concat([asked, frameOf('go\n')]));
      await firstOf(tool.stdout);
      await sleep(300);
      tool.stdin.end();
      await until(() => tool.exitCode !== null);
      expect(tool.exitCode).toBe(129);
      tool.stderr.destroy();
    });
  });

  it('exits with 125 when the input in the frames does not begin with the word', async () => {
    for (const input of [end, frameOf('no\n'), Buffer.from('garbage')]) {
      expect(await runHeld(['echo', 'started'], input)).toEqual({ status: 125, stdout: '' });
    }
    expect(runTool(held('echo', 'started'), env, 'frames\n')).toMatchObject({ status: 125, stdout: '' });
  });
});
