import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withoutLibC } from '../../src/native.ts';
import { BashTool } from '../../src/shell/bash-tool.ts';
import { findShells } from '../../src/shell/shell-choice.ts';
import { ShellSession } from '../../src/shell/shell-session.ts';
import { connect, lives, temporaryDirectory, until, type Connection } from '../tool.ts';

let tool: Connection;
beforeAll(async () => {
  tool = await connect();
});
afterAll(() => tool[Symbol.asyncDispose]());

describe('a bash session', () => {
  it('keeps the working directory, variables and functions from call to call', async () => {
    await tool.bash('cd /usr; x="a b"; greet() { echo "hello $1"; }');
    expect((await tool.bash('pwd; echo "$x"; greet you')).text).toBe('/usr\na b\nhello you\n[exit code 0]');
  });

  it('reports the exit code of a command without calling it an error of the tool', async () => {
    expect(await tool.bash('(exit 7)')).toEqual({ text: '[exit code 7]', isError: false });
  });

  it('gives stdout and stderr in the order in which they were written', async () => {
    expect((await tool.bash('echo 1; echo 2 >&2; echo 3; printf 4')).text).toBe('1\n2\n3\n4\n[exit code 0]');
  });

  it('survives a syntax error', async () => {
    await tool.bash('y=kept');
    expect((await tool.bash('if')).text).toMatch(/syntax error[^]*\[exit code [12]\]/);
    expect((await tool.bash('echo $y')).text).toBe('kept\n[exit code 0]');
  });

  it('gives commands an empty standard input', async () => {
    expect((await tool.bash('cat; read line; echo "status $?"')).text).toBe('status 1\n[exit code 0]');
  });

  it('does not let output forge the end of a command, also when the shell echoes what it reads', async () => {
    expect((await tool.bash('set -xv; echo in; set +xv; echo after')).text).toMatch(/after\n\[exit code 0\]$/);
    expect((await tool.bash('cat /proc/$$/cmdline | tr "\\0" "\\n"; set; echo last')).text).toMatch(
      /last\n\[exit code 0\]$/,
    );
  });

  it('answers also when a command has sent the output of the shell elsewhere', async () => {
    expect((await tool.bash('exec 4>&1 >/dev/null; echo lost')).text).toBe('[exit code 0]');
    expect((await tool.bash('exec >&4; echo back')).text).toBe('back\n[exit code 0]');
  });

  it('does not wait for what a command leaves in the background, and shows its output with a later call', async () => {
    expect((await tool.bash('(sleep 0.5; echo later; sleep 30) & pid=$!')).text).toBe('[exit code 0]');
    expect((await tool.bash('sleep 1; kill $pid; echo now')).text).toBe('later\nnow\n[exit code 0]');
  });

  it('replaces bytes that are not UTF-8', async () => {
    expect((await tool.bash(`printf 'a\\377\\000b€'`)).text).toBe('a\uFFFD\0b€\n[exit code 0]');
  });

  it('takes a command of many lines with quotes and a here document', async () => {
    expect((await tool.bash(`cat <<'EOF'\nit's "x" $HOME\nEOF\n# done`)).text).toBe(`it's "x" $HOME\n[exit code 0]`);
  });

  it('keeps the head and the tail of long output and says how much was cut', async () => {
    const { text } = await tool.bash('echo first; head -c 3000000 /dev/zero | tr "\\0" x; echo; echo last');
    expect(text.length).toBeLessThan(66_000);
    expect(text).toMatch(/^first\nx+\n\[… 293\d{4} bytes cut …\]\nx+\nlast\n\[exit code 0\]$/);
  });

  it('needs little memory for a lot of output', async () => {
    const resident = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${tool.pid}/status`, 'utf8'))?.[1]);
    const before = resident();
    await tool.bash('head -c 100000000 /dev/zero');
    expect(resident() - before).toBeLessThan(100_000);
  });

  it('serves calls that arrive together one after the other', async () => {
    const answers = await Promise.all(['sleep 0.1; n=1', 'n=$((n+1))', 'echo $n'].map((command) => tool.bash(command)));
    expect(answers.at(2)?.text).toBe('2\n[exit code 0]');
  });

  it('says what is wrong with a call that asks for nothing, or that holds a NUL', async () => {
    expect(await tool.call('bash', {})).toEqual({ text: 'Give a command, or restart: true.', isError: true });
    expect((await tool.bash('a\0b')).text).toContain('NUL');
    expect((await tool.call('bash', { command: 1 })).isError).toBe(true);
  });
});

describe('the end of a bash session', () => {
  it('is reported when a command exits, and the next call starts a new one', async () => {
    const { text, isError } = await tool.bash('gone=1; echo bye; exit 3');
    expect({ text, isError }).toEqual({
      text: 'bye\n[the shell ended with exit code 3; the next call starts a new session]',
      isError: false,
    });
    expect((await tool.bash('echo "<$gone>"; pwd')).text).toBe('<>\n/\n[exit code 0]');
  });

  it('comes at the timeout with the output so far, ends the process tree, and keeps the directory', async () => {
    using directory = temporaryDirectory();
    const pids = join(directory.path, 'pids');
    const { text, isError } = await tool.bash(
      `cd /usr; echo started; (trap '' TERM; echo $BASHPID > ${pids}; while :; do sleep 1; done); echo never`,
      1,
    );
    expect(isError).toBe(true);
    expect(text).toMatch(/^started\n\[timed out after 1 s: the command was ended.*new session, in \/usr,/);
    expect(lives(Number(readFileSync(pids, 'utf8')))).toBe(false);
    expect((await tool.bash('pwd')).text).toBe('/usr\n[exit code 0]');
  });

  it('at a timeout spares what earlier calls left in the background', async () => {
    const pid = Number.parseInt((await tool.bash('sleep 60 >/dev/null & echo $!')).text);
    await tool.bash('while :; do :; done', 0.2);
    expect(lives(pid)).toBe(true);
    await tool.bash(`kill ${pid}`);
  });

  it('comes with a restart, which does not wait for the running command and ends everything', async () => {
    const pid = Number.parseInt((await tool.bash('z=1; setsid sleep 60 >/dev/null & echo $!')).text);
    using directory = temporaryDirectory();
    const flag = join(directory.path, 'flag');
    const running = tool.bash(`: >${flag}; sleep 60`);
    const waiting = tool.bash('sleep 60');
    await until(() => existsSync(flag));
    const restarted = await tool.call('bash', { restart: true, command: 'echo "<$z>"' });
    expect((await running).text).toContain('ended by a restart');
    expect((await waiting).text).toContain('not started');
    expect(restarted.text).toMatch(/^\[the session was restarted.*\]\n<>\n\[exit code 0\]$/);
    expect(lives(pid)).toBe(false);
  });

  it('comes with a restart also when the call before it has just arrived', async () => {
    const calls = [tool.bash('sleep 60'), tool.call('bash', { restart: true })];
    expect((await Promise.all(calls)).map((answer) => answer.isError)).toEqual([true, false]);
  });

  it('is reported when the shell is killed from outside, during a call and between calls', async () => {
    expect((await tool.bash('kill -KILL $$; sleep 5')).text).toMatch(/the shell was killed by SIGKILL; the next call/);
    const pid = Number.parseInt((await tool.bash('echo $$')).text);
    process.kill(pid, 'SIGKILL');
    await until(() => !lives(pid));
    // The server is told by the kernel a moment later: until then the call itself finds the shell gone.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await tool.bash('echo new')).text).toMatch(/^\[the shell was (ended from outside|killed by SIGKILL)/);
    expect((await tool.bash('echo $$')).text).not.toContain(`${pid}\n`);
  });

  it('comes when the client cancels the call', async () => {
    using directory = temporaryDirectory();
    const flag = join(directory.path, 'flag');
    const cancel = new AbortController();
    const pid = Number.parseInt((await tool.bash('echo $$')).text);
    const call = tool.call('bash', { command: `: >${flag}; sleep 60` }, { signal: cancel.signal });
    await until(() => existsSync(flag));
    cancel.abort();
    await expect(call).rejects.toThrow();
    await until(() => !lives(pid));
    expect((await tool.bash('echo on')).text).toBe('on\n[exit code 0]');
  });
});

describe('the shell of a session', () => {
  it.each([
    ['dash', '/usr/bin/dash', []],
    ['bash in POSIX mode', '/usr/bin/bash', ['--posix']],
  ])('may be %s', async (_name, path, args) => {
    const session = new ShellSession({
      shell: { path, args },
      env: {},
      cwd: '/usr',
      native: withoutLibC,
      variable: 'SESSION=1',
      outputLimit: 1000,
      stdin: '</dev/null',
      newMarker: () => ['mark', 'er:'],
    });
    const run = (command: string) => session.run(command, 5000, new AbortController().signal);
    await run('v=5; cd bin');
    expect(await run('if')).toMatchObject({ kind: 'finished', exitCode: 2 });
    expect(await run('echo $v; pwd')).toEqual({ kind: 'finished', exitCode: 0, output: '5\n/usr/bin\n' });
    expect(await run('exit 4')).toMatchObject({ kind: 'ended', end: { exitCode: 4 } });
  });

  it('is the first in the PATH of the sandbox', async () => {
    using directory = temporaryDirectory();
    const shell = join(directory.path, 'bash');
    writeFileSync(shell, '#!/bin/sh\nMINE=yes\nexport MINE\nexec /bin/sh\n', { mode: 0o755 });
    await using own = await connect({ PATH: directory.path });
    expect((await own.bash('echo $MINE; (exit 2)')).text).toBe('yes\n[exit code 2]');
  });

  it('is looked for as bash, then sh, then busybox, also outside of the PATH', () => {
    using directory = temporaryDirectory();
    for (const name of ['sh', 'busybox']) writeFileSync(join(directory.path, name), '', { mode: 0o755 });
    writeFileSync(join(directory.path, 'bash'), 'not executable');
    const shells = findShells(directory.path, '/');
    expect(shells.map((shell) => [shell.path, ...shell.args].join(' '))).toEqual([
      '/usr/bin/bash --noprofile --norc',
      join(directory.path, 'sh'),
      `${join(directory.path, 'busybox')} sh`,
    ]);
  });

  it('is missing in a sandbox without one, and the answer says what can still be done', async () => {
    const family = { name: 'F', value: 'v' };
    const settings = { env: {}, cwd: '/', native: withoutLibC, family, stdin: '</dev/null', random: () => 'r' };
    const bash = new BashTool({ ...settings, findShells: () => [] });
    const { text, isError } = await bash.call({ command: 'true' }, new AbortController().signal);
    expect(isError).toBe(true);
    expect(text).toContain('no shell');
  });

  it('that cannot be started is reported, and the server lives on', async () => {
    using directory = temporaryDirectory();
    writeFileSync(join(directory.path, 'bash'), '#!/nowhere/interpreter\n', { mode: 0o755 });
    await using own = await connect({ PATH: directory.path });
    expect(await own.bash('true')).toMatchObject({ isError: true });
    expect((await own.call('text_editor', { command: 'view', path: '/' })).isError).toBe(false);
  });
});
