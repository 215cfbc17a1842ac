import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing } from '../build/samples.ts';
import { cliEnvironment, documentOf, toolcrib, TOOLCRIB } from '../cli/command-line.ts';
import { isAlive } from './living-process.ts';

const withoutStrace = await programsMissing('strace');
const withoutScript = await programsMissing('script');
const withoutRoot = process.getuid?.() === 0 ? undefined : 'only root may load the kernel tracer';
const TIERS = [
  ['ebpf', withoutRoot],
  ['ptrace', withoutStrace],
] as const;

interface Terminal {
  /** What is typed when the words are shown. */
  readonly typed: string;
  /** Default: `ready`. */
  readonly when?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where the standard input leads instead. */
  readonly input?: '/dev/null';
}

/** Runs a command line on a terminal of its own, and types when it shows that it is ready. */
async function onTerminal(
  cwd: string,
  args: readonly string[],
  { typed, when = 'ready', env = {}, input }: Terminal,
): Promise<{ code: number | null; shown: string }> {
  const command = [...TOOLCRIB, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const redirected = input === undefined ? command : `${command} <${input}`;
  const child = spawn('script', ['--quiet', '--return', '--command', `exec ${redirected}`, '/dev/null'], {
    cwd,
    env: { ...cliEnvironment(cwd, env), TERM: 'dumb', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (!shown.includes(when) && `${shown}${text}`.includes(when)) child.stdin.write(typed);
    shown += text;
  });
  await once(child, 'exit');
  child.stdin.end();
  return { code: child.exitCode, shown };
}

const CTRL_C = '\u0003';
const CTRL_BACKSLASH = '\u001C';

describe.each(TIERS)('run --kernel %s', (kernel, missing) => {
  const RUN = ['run', '--kernel', kernel, '-o', 'run.tar.gz'];

  test('leaves streams and exit code to the command, and says nothing', requireOrSkip(missing), async () => {
    await using project = await scratchProject();
    const cwd = project.folder;
    const end = await toolcrib([...RUN, '--', 'sh', '-c', 'cat; echo err >&2; exit 3'], { cwd, stdin: 'given' });
    expect(end).toMatchObject({ code: 3, stdout: 'given', stderr: 'err\n' });
    expect(await toolcrib(['archive', 'verify', 'run.tar.gz'], { cwd })).toMatchObject({ code: 0 });
    expect((await readdir(cwd)).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test.each([
    ['Ctrl-C', 'INT', {}],
    ['Ctrl-C with another input', 'INT', { input: '/dev/null' }],
    ['Ctrl-\\', 'QUIT', {}],
  ] as const)(
    'lets %s at a terminal reach the command once, and records how it took it',
    requireOrSkip(missing ?? withoutScript),
    async (_, signal, terminal) => {
      await using project = await scratchProject();
      // A shell would take two that come close together for one.
      const taken = `process.on('SIG${signal}', () => {
        console.log('taken');
        setTimeout(() => process.exit(7), 500);
      });
      setInterval(() => {}, 1000);
      console.log('ready');`;
      const { code, shown } = await onTerminal(project.folder, [...RUN, '--', process.execPath, '--eval', taken], {
        typed: signal === 'INT' ? CTRL_C : CTRL_BACKSLASH,
        ...terminal,
      });
      expect([code, shown.split('taken')]).toMatchObject([7, { length: 2 }]);
      const show = await toolcrib(['archive', 'show', '--json', 'run.tar.gz'], { cwd: project.folder });
      expect(documentOf(show)).toMatchObject({ findings: [], summary: { exitCode: 7 } });
    },
  );

  test.each([
    ['Ctrl-C', CTRL_C, 130],
    ['Ctrl-\\', CTRL_BACKSLASH, 131],
  ] as const)(
    'lets %s at a terminal end a command that does not care',
    requireOrSkip(missing ?? withoutScript),
    async (_, typed, expected) => {
      await using project = await scratchProject();
      const command = ['sh', '-c', 'ulimit -c 0; echo ready; exec sleep 30'];
      const { code } = await onTerminal(project.folder, [...RUN, '--', ...command], { typed });
      expect(code).toBe(expected);
      expect(existsSync(join(project.folder, 'run.tar.gz'))).toBe(true);
    },
  );

  test('ends at the time limit what left the session, too', requireOrSkip(missing), async () => {
    await using project = await scratchProject();
    const cwd = project.folder;
    const script = 'setsid sh -c "trap : TERM; echo \\$\\$ > left; sleep 100; sleep 100" & sleep 100';
    // strace keeps what is left until the drain is over.
    const options = ['--timeout', '1', '--drain', kernel === 'ebpf' ? '30' : '2'];
    const begin = performance.now();
    const { code, stderr } = await toolcrib([...RUN, ...options, '--', 'sh', '-c', script], { cwd });
    expect(code, stderr).toBe(143);
    expect(performance.now() - begin).toBeLessThan(20_000);
    expect(isAlive(Number(await readFile(join(cwd, 'left'), 'utf8')))).toBe(false);
    const show = await toolcrib(['archive', 'show', '--json', 'run.tar.gz'], { cwd });
    expect(documentOf(show)).toMatchObject({ findings: [], summary: { signal: 15, timedOut: true } });
  });
});

describe('run', () => {
  /** Options and environment of a run whose strace takes its time before it attaches. */
  async function attachingSlowly(cwd: string): Promise<{ args: readonly string[]; env: Record<string, string> }> {
    const script = '#!/bin/sh\ncase "$*" in *sleep*60*) echo attaching; sleep 1;; esac\nexec /usr/bin/strace "$@"\n';
    await mkdir(join(cwd, 'bin'));
    await writeFile(join(cwd, 'bin/strace'), script, { mode: 0o755 });
    const args = ['run', '--kernel', 'ptrace', '-o', 'run.tar.gz'];
    return { args, env: { PATH: `${cwd}/bin:${process.env['PATH'] ?? ''}` } };
  }

  test(
    'is ended by Ctrl-C at a terminal while the observer attaches, and starts nothing',
    requireOrSkip(withoutScript ?? withoutStrace),
    async () => {
      await using project = await scratchProject();
      const { args, env } = await attachingSlowly(project.folder);
      const typing = { typed: CTRL_C, when: 'attaching', env };
      const { code, shown } = await onTerminal(project.folder, [...args, '--', 'sleep', '60'], typing);
      expect(shown).toContain('interrupted by SIGINT');
      expect(code).toBe(130);
      expect(await readdir(project.folder)).toEqual(['bin']);
    },
  );

  test(
    'hands Ctrl-C on that was typed while the observer attaches to a command in a session of its own',
    requireOrSkip(withoutScript ?? withoutStrace),
    async () => {
      await using project = await scratchProject();
      const { args, env } = await attachingSlowly(project.folder);
      const typing = { typed: CTRL_C, when: 'attaching', env };
      const command = ['--timeout', '50', '--', 'sleep', '60'];
      expect(await onTerminal(project.folder, [...args, ...command], typing)).toMatchObject({ code: 130 });
      const show = await toolcrib(['archive', 'show', '--json', 'run.tar.gz'], { cwd: project.folder });
      expect(documentOf(show)).toMatchObject({ findings: [], summary: { signal: 2, timedOut: false } });
    },
  );

  test('says by what it observes, and why by nothing better, unless it is to be quiet', async () => {
    await using project = await scratchProject();
    const cwd = project.folder;
    const env = { PATH: '/nowhere' };
    const loud = await toolcrib(['run', '-o', 'a.tar.gz', '--result', 'r.json', '--', '/bin/true'], { cwd, env });
    expect(loud.code).toBe(0);
    expect(loud.stderr).toMatch(
      /kernel observed by: (?:ebpf|none \(ebpf: .*; ptrace: strace is not installed, or not in PATH\))\n$/,
    );
    const result = JSON.parse(await readFile(join(cwd, 'r.json'), 'utf8')) as { kernel: string };
    expect(loud.stderr).toContain(`by: ${result.kernel}`);
    expect(await toolcrib(['--quiet', 'run', '-o', 'b.tar.gz', '--', '/bin/true'], { cwd })).toMatchObject({
      stderr: '',
    });
  });

  test('ends with 125 when the observer that was asked for is not there, with the reason, and starts nothing', async () => {
    await using project = await scratchProject();
    const cwd = project.folder;
    const args = ['run', '--kernel', 'ptrace', '-o', 'run.tar.gz', '--', '/usr/bin/touch', 'ran'];
    const end = await toolcrib(['--json', ...args], { cwd, env: { PATH: '/nowhere' } });
    expect([end.code, JSON.parse(end.stderr)]).toMatchObject([125, { error: { code: 'NOT_OBSERVABLE' } }]);
    expect(end.stderr).toContain('strace is not installed, or not in PATH');
    expect(await readdir(cwd)).toEqual([]);
  });

  test.each([
    ['--kernel', 'magic'],
    ['--drain', 'forever'],
    ['--agent-shim', 'unknown'],
    ['--redact', 'nothing'],
    ['--sdk-log', 'sdk.ndjson'],
    ['--sign', 'none.pem'],
  ])('ends with 125 for %s %s, and starts nothing', async (option, value) => {
    await using project = await scratchProject();
    const args = ['run', option, value, '-o', 'run.tar.gz', '--', '/usr/bin/touch', 'ran'];
    const end = await toolcrib(args, { cwd: project.folder });
    expect([end.code, await readdir(project.folder)]).toEqual([125, []]);
  });

  test('tells a wrong log after the run, with 125 and what became of the command, and keeps the record', async () => {
    await using project = await scratchProject({ 'policy.ndjson': '\n' });
    const cwd = project.folder;
    const args = ['run', '--kernel', 'off', '--policy-log', 'policy.ndjson', '-o', 'run.tar.gz'];
    const end = await toolcrib([...args, '--', '/bin/sh', '-c', 'exit 3'], { cwd });
    expect(end.code).toBe(125);
    expect(end.stderr).toContain('the command had run: its exit code is 3');
    expect(end.stderr).toContain('policy.ndjson: has no decision');
    expect(await toolcrib(['archive', 'verify', 'run.tar.gz'], { cwd })).toMatchObject({ code: 0 });
  });
});
