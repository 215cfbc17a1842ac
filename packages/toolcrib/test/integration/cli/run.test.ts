import { execFile } from 'node:child_process';
import { readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { cliEnvironment, documentOf, startCli, toolcrib, TOOLCRIB, type CliEnd } from './command-line.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';

const node = (script: string): readonly string[] => [process.execPath, '--eval', script];

/** Runs and records in a folder of its own; nothing watches unless the options say so, and nothing is said. */
async function record(
  command: readonly string[],
  ...options: readonly string[]
): Promise<CliEnd & { files: string[] }> {
  await using project = await scratchProject();
  const end = await toolcrib(['run', '--kernel', 'off', '-o', 'run.tar.gz', ...options, '--', ...command], {
    cwd: project.folder,
  });
  return { ...end, files: await readdir(project.folder) };
}

describe.concurrent('run', () => {
  test.for([0, 1, 2, 125, 127, 255])('exits with the code of the command: %i', async (code) => {
    const end = await record(['/bin/sh', '-c', `exit ${code}`]);
    expect(end).toMatchObject({ code, stdout: '', stderr: '', files: ['run.tar.gz'] });
  });

  test('leaves the three standard streams to the command', async () => {
    await using project = await scratchProject();
    const command = node('process.stdin.pipe(process.stdout); process.stderr.write("err")');
    const end = await toolcrib(['run', '--kernel', 'off', '-o', 'run.tar.gz', '--json', '--', ...command], {
      ...{ cwd: project.folder, stdin: 'given' },
    });
    expect(end).toMatchObject({ code: 0, stdout: 'given', stderr: 'err' });
  });

  test('exits with 127 for a command that is not there, says so, and archives that too', async () => {
    const end = await record(['/no/such/program', 'x']);
    expect(end).toMatchObject({ code: 127, files: ['run.tar.gz'] });
    expect(end.stderr).toContain('/no/such/program');
  });

  test('exits with 126 for a file that cannot be executed', async () => {
    const end = await record(['/etc/passwd']);
    expect(end).toMatchObject({ code: 126, files: ['run.tar.gz'] });
    expect(end.stderr).toContain('/etc/passwd');
  });

  test.for([
    ['KILL', 137],
    ['TERM', 143],
    ['SEGV', 139],
  ] as const)('exits with 128+N for a command that SIG%s ended', async ([name, code]) => {
    expect(await record(['/bin/sh', '-c', `kill -${name} $$`])).toMatchObject({ code, files: ['run.tar.gz'] });
  });

  test('ends a command whose time is up, and says so', async () => {
    const end = await record(['/bin/sh', '-c', 'sleep 60'], '--timeout', '0.2');
    expect(end).toMatchObject({ code: 143, stderr: 'toolcrib: ended after 0.2 s\n' });
  });

  test('exits with 125 when an archive has that name, without starting the command', async () => {
    await using project = await scratchProject({ 'run.tar.gz': 'mine' });
    const args = ['run', '-o', 'run.tar.gz', '--', '/bin/sh', '-c', 'touch started'];
    const [plain, json] = [
      await toolcrib(args, { cwd: project.folder }),
      await toolcrib(['--json', ...args], { cwd: project.folder }),
    ];
    expect(plain).toMatchObject({ code: 125, stdout: '' });
    expect(plain.stderr).toContain(`${project.folder}/run.tar.gz is there already`);
    expect(json).toMatchObject({ code: 125, stdout: '' });
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'USAGE' } });
    expect(await readdir(project.folder)).toEqual(['run.tar.gz']);
    expect(await readFile(join(project.folder, 'run.tar.gz'), 'utf8')).toBe('mine');
  });

  test('exits with 125 when the folder of the archive is not there, without starting the command', async () => {
    await using project = await scratchProject();
    const args = ['run', '-o', 'no/run.tar.gz', '--', '/bin/sh', '-c', 'touch started'];
    const end = await toolcrib(args, { cwd: project.folder });
    expect(end.code).toBe(125);
    expect(end.stderr).toContain(`cannot write to ${project.folder}/no: ENOENT`);
    expect(await readdir(project.folder)).toEqual([]);
  });

  test('exits with 125 for an id that cannot be one', async () => {
    const end = await record(['/bin/true'], '--run-id', 'allow:all');
    expect(end).toMatchObject({ code: 125, files: [] });
    expect(end.stderr).toContain("run_id must not contain ':'");
  });

  test('forwards SIGTERM, SIGINT and SIGQUIT to the command, whose code it passes on with its record', async () => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
      await using project = await scratchProject();
      const script = `process.on("${signal}", () => process.exit(42)); setInterval(() => {}, 1000); console.log("ready")`;
      const cli = startCli(['run', '-o', 'run.tar.gz', '--', ...node(script)], { cwd: project.folder });
      await cli.said('ready');
      cli.process.kill(signal);
      expect(await cli.end).toMatchObject({ code: 42, signal: null });
      expect(await readdir(project.folder)).toEqual(['run.tar.gz']);
    }
  });

  test.for([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'ends with 128+N by %s that comes before the command is started, and starts nothing',
    async ([name, code]) => {
      for (const options of [[], ['--timeout', '60']]) {
        const signalling = `const fs = require('node:fs'); const { existsSync } = fs;
        fs.existsSync = (path) => {
          if (String(path).endsWith('/run.tar.gz')) process.kill(process.pid, '${name}');
          return existsSync(path);
        };`;
        await using project = await scratchProject({ 'early.cjs': signalling });
        const cwd = project.folder;
        const args = ['run', '--kernel', 'off', ...options, '-o', 'run.tar.gz', '--', '/bin/sh', '-c', 'touch started'];
        const end = await toolcrib(args, { cwd, env: { NODE_OPTIONS: `--require ${cwd}/early.cjs` } });
        expect(end).toMatchObject({ code, stdout: '', stderr: `toolcrib: interrupted by ${name}\n` });
        expect(await readdir(cwd)).toEqual(['early.cjs']);
      }
    },
  );

  test.each([
    ['', 'the archive goes into a file, found ""'],
    ['folder/', 'the archive goes into a file, found "folder/"'],
    ['link.tar.gz', 'link.tar.gz is there already'],
  ])('refuses %j as the place of an archive before anything is started', async (output, words) => {
    await using project = await scratchProject();
    await symlink('nowhere', join(project.folder, 'link.tar.gz'));
    const end = await toolcrib(['run', '-o', output, '--', 'touch', 'started'], { cwd: project.folder });
    expect(end).toMatchObject({ code: 125, stderr: expect.stringContaining(words) as string });
    expect(await readdir(project.folder)).toEqual(['link.tar.gz']);
  });

  test('writes what happened to the file of --result, and the archive tells the same', async () => {
    await using project = await scratchProject();
    const cwd = project.folder;
    const command = ['/bin/sh', '-c', 'exit 3'];
    const args = ['run', '-o', 'a.tar.gz', '--run-id', 'r1', '--env', 'A=b', '--result', 'r.json', '--', ...command];
    expect((await toolcrib(args, { cwd })).code).toBe(3);
    const result: unknown = JSON.parse(await readFile(join(cwd, 'r.json'), 'utf8'));
    const facts = { runId: 'r1', exitCode: 3, signal: null, success: false };
    expect(result).toMatchObject({ ...facts, archive: `${cwd}/a.tar.gz`, timedOut: false, spawnError: null });
    const shown = await toolcrib(['archive', 'show', '--json', 'a.tar.gz'], { cwd });
    expect(documentOf(shown)).toMatchObject({ findings: [], summary: { ...facts, command, envKeys: ['A'] } });
    expect(await toolcrib(['archive', 'verify', 'a.tar.gz'], { cwd })).toMatchObject({ code: 0, stderr: '' });
  });
});

describe.concurrent('archive', () => {
  test('verify exits with 9 for a damaged archive, and says with --json that it was not accepted', async () => {
    await using project = await scratchProject({ 'run.tar.gz': 'not an archive' });
    const cwd = project.folder;
    const [text, json] = [
      await toolcrib(['archive', 'verify', 'run.tar.gz'], { cwd }),
      await toolcrib(['archive', 'verify', 'run.tar.gz', '--json'], { cwd }),
    ];
    expect(text).toMatchObject({ code: 9, stderr: '' });
    expect(json.code).toBe(9);
    expect(documentOf(json)).toMatchObject({ accepted: false });
  });

  test('show of a file that is not there exits with 3', async () => {
    await using project = await scratchProject();
    const end = await toolcrib(['archive', 'show', 'run.tar.gz'], { cwd: project.folder });
    expect(end).toMatchObject({ code: 3, stdout: '' });
  });
});

test('a reader that has gone away is no failure', async () => {
  await using project = await scratchProject();
  const command = [...TOOLCRIB, 'run', '--help'].map((word) => `'${word}'`).join(' ');
  const pipeline = `${command} | { exec 0<&-; sleep 1; }; exit \${PIPESTATUS[0]}`;
  const options = { cwd: project.folder, env: cliEnvironment(project.folder) };
  expect(await promisify(execFile)('bash', ['-c', pipeline], options)).toEqual({ stdout: '', stderr: '' });
});
