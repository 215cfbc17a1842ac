import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing } from '../build/samples.ts';
import { cliEnvironment, documentOf, toolcrib, TOOLCRIB } from '../cli/command-line.ts';

const withoutStrace = await programsMissing('strace');
const withoutScript = await programsMissing('script');
const withoutRoot = process.getuid?.() === 0 ? undefined : 'only root may load the kernel tracer';
const TIERS = [
  ['ebpf', withoutRoot],
  ['ptrace', withoutStrace],
] as const;

/** Runs a command line on a terminal of its own, and types when it shows that it is ready. */
async function onTerminal(
  cwd: string,
  args: readonly string[],
  typed: string,
): Promise<{ code: number | null; shown: string }> {
  const command = [...TOOLCRIB, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', `exec ${command}`, '/dev/null'], {
    cwd,
    env: { ...cliEnvironment(cwd), TERM: 'dumb', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (!shown.includes('ready') && `${shown}${text}`.includes('ready')) child.stdin.write(typed);
    shown += text;
  });
  await once(child, 'exit');
  child.stdin.end();
  return { code: child.exitCode, shown };
}

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

  test(
    'lets Ctrl-C at a terminal reach the command once, and records how it took it',
    requireOrSkip(missing ?? withoutScript),
    async () => {
      await using project = await scratchProject();
      const taken = `trap 'echo taken; exit 7' INT; echo ready; n=0; while [ $n -lt 300 ]; do n=$((n+1)); sleep 0.1; done`;
      const { code, shown } = await onTerminal(project.folder, [...RUN, '--', 'sh', '-c', taken], '\u0003');
      expect([code, shown.split('taken')]).toMatchObject([7, { length: 2 }]);
      const show = await toolcrib(['archive', 'show', '--json', 'run.tar.gz'], { cwd: project.folder });
      expect(documentOf(show)).toMatchObject({ findings: [], summary: { exitCode: 7 } });
    },
  );

  test(
    'lets Ctrl-C at a terminal end a command that does not care',
    requireOrSkip(missing ?? withoutScript),
    async () => {
      await using project = await scratchProject();
      const command = ['sh', '-c', 'echo ready; exec sleep 30'];
      const { code } = await onTerminal(project.folder, [...RUN, '--', ...command], '\u0003');
      expect(code).toBe(130);
      expect(existsSync(join(project.folder, 'run.tar.gz'))).toBe(true);
    },
  );
});

describe('run', () => {
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
