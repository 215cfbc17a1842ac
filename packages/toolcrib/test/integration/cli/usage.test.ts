import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { documentOf, toolcrib, TOOLCRIB } from './command-line.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';

const CONFIG = '{ "tool": "demo", "targets": ["amd64-any"] }';

describe.concurrent(
  'a command line that is wrong exits with 2, or 125 where 2 could be of another program, and says what to do',
  () => {
    test.for([
      { args: [], message: 'no command given' },
      { args: ['archive'], message: 'no command given' },
      { args: ['frobnicate'], message: "unknown command 'frobnicate'" },
      { args: ['archive', 'burn'], message: "unknown command 'burn'" },
      { args: ['resolve', '--frobnicate'], message: "unknown option '--frobnicate'" },
      { args: ['inject'], message: 'no sandbox given' },
      { args: ['eject'], message: "missing required argument 'sandbox'" },
      { args: ['eject', 'docker:a', 'docker:b'], message: 'too many arguments' },
      { args: ['run', '--', 'true'], message: "required option '-o, --output <file>' not specified" },
      {
        args: ['run', '-o', 'x', '--timeout', 'soon', '--', 'true'],
        message: '--timeout takes a number of seconds above 0',
      },
      {
        args: ['run', '-o', 'x', '--timeout', '-1', '--', 'true'],
        message: '--timeout takes a number of seconds above 0',
      },
      {
        args: ['exec', 'docker:x', '--timeout', '700000', '--', 'a'],
        message: '--timeout takes at most 604800 seconds',
      },
      { args: ['exec', 'docker:x'], message: 'e.g. toolcrib exec docker:web -- version' },
      { args: ['exec'], message: "missing required argument 'sandbox'" },
      { args: ['exec', 'docker:x', '--env', 'NAME', '--', 'a'], message: '--env takes NAME=VALUE' },
      { args: ['inject', 'podman web'], message: 'not a sandbox' },
      { args: ['resolve', '--target', 'sparc'], message: 'unknown target "sparc"' },
      { args: ['publish'], message: 'there is no store to publish to' },
      { args: ['publish', '--to', 'ftp://x'], message: 'unknown store' },
      { args: ['build'], message: 'does not say how demo is built' },
      { args: ['build', '--target', 'arm64'], message: 'is not among the targets' },
    ])('toolcrib $args', async ({ args, message }) => {
      await using project = await scratchProject({ 'toolcrib.json': CONFIG, 'tool-version.txt': '1\n' });
      const cwd = project.folder;
      const end = await toolcrib(args, { cwd });
      expect(end.stderr).toContain(`toolcrib: `);
      expect(end.stderr).toContain(message);
      expect(end.stderr).toContain('\n  hint: ');
      expect(end.stderr).not.toContain('(outputHelp)');
      // 2 would be taken for the code of the command that is wrapped.
      const code = ['run', 'exec'].includes(args[0] ?? '') ? 125 : 2;
      expect({ code: end.code, stdout: end.stdout }).toEqual({ code, stdout: '' });
    });
  },
);

describe.concurrent('with --json stdout is exactly one JSON document', () => {
  test('also before or after a command that does not exist, and stderr is silent', async () => {
    await using project = await scratchProject();
    const cwd = project.folder;
    for (const args of [
      ['--json', 'frobnicate'],
      ['frobnicate', '--json'],
    ]) {
      const end = await toolcrib(args, { cwd });
      expect(end.code).toBe(2);
      expect(end.stderr).toBe('');
      expect(documentOf(end)).toMatchObject({
        error: { code: 'USAGE', message: "unknown command 'frobnicate'", details: {} },
      });
    }
  });

  test('when it stands before the two dashes: what follows is for another program', async () => {
    await using project = await scratchProject();
    const cwd = project.folder;
    const end = await toolcrib(['run', '--', 'tool', '--json'], { cwd });
    expect(end).toMatchObject({ code: 125, stdout: '' });
    expect(end.stderr).toContain('not specified');
  });
});

describe.concurrent('a configuration', () => {
  test('with an unknown key is refused, naming file, key, and the keys that there are', async () => {
    await using project = await scratchProject({
      'toolcrib.json': '{ "tool": "demo", "targets": ["amd64-any"], "tagrets": [] }',
    });
    const cwd = project.folder;
    const end = await toolcrib(['status', '--json'], { cwd });
    expect(end.code).toBe(2);
    expect(documentOf(end)).toMatchObject({
      error: {
        code: 'CONFIG_INVALID',
        message: `${cwd}/toolcrib.json: key "tagrets" is unknown`,
        hint: expect.stringContaining('targets') as unknown,
      },
    });
  });

  test('that was named and is not there is not found', async () => {
    await using project = await scratchProject({ 'toolcrib.json': CONFIG });
    const cwd = project.folder;
    const end = await toolcrib(['--config', 'other.json', 'status'], { cwd });
    expect(end.code).toBe(3);
    expect(end.stderr).toContain(`${cwd}/other.json`);
  });

  test('of a version file that holds no version is refused, naming the file', async () => {
    await using project = await scratchProject({ 'toolcrib.json': CONFIG, 'tool-version.txt': 'one\n' });
    const cwd = project.folder;
    const end = await toolcrib(['status'], { cwd });
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(`${cwd}/tool-version.txt`);
  });

  test('is found from a folder below the project', async () => {
    await using project = await scratchProject({ 'toolcrib.json': CONFIG, 'tool-version.txt': '1\n', 'a/b/x': '' });
    const cwd = project.folder;
    const end = await toolcrib(['status', '--json'], { cwd: `${cwd}/a/b` });
    expect(end.code).toBe(0);
    expect(documentOf(end)).toMatchObject({ tool: 'demo', version: 1, config: `${cwd}/toolcrib.json` });
  });
});

describe.concurrent('a hint for a wrong command line', () => {
  test.for([
    { args: ['frobnicate'], hint: '"toolcrib --help" lists the commands' },
    { args: ['archive'], hint: '"toolcrib archive --help" lists the commands' },
    { args: ['archive', 'burn'], hint: '"toolcrib archive --help" lists the commands' },
    { args: ['--json', 'resolve', '--frobnicate'], hint: '"toolcrib resolve --help" tells what it takes' },
    { args: ['bundle', 'create'], hint: '"toolcrib bundle create --help" tells what it takes' },
  ])('of toolcrib $args names the help that helps', async ({ args, hint }) => {
    await using project = await scratchProject();
    const end = await toolcrib(args, { cwd: project.folder });
    expect(end.stdout.includes('{') ? end.stdout.replaceAll('\\"', '"') : end.stderr).toContain(hint);
  });
});

describe.concurrent('help', () => {
  test('of a command names the options that stand before every command', async () => {
    await using project = await scratchProject();
    for (const args of [['publish'], ['bundle', 'create']]) {
      const { stdout } = await toolcrib([...args, '--help'], { cwd: project.folder });
      for (const option of ['--json', '--quiet', '--config <file>', '--offline']) expect(stdout).toContain(option);
    }
  });

  test('and version go to stdout and exit with 0', async () => {
    await using project = await scratchProject();
    const cwd = project.folder;
    const [help, version, both] = await Promise.all([
      toolcrib(['run', '--help'], { cwd }),
      toolcrib(['--version'], { cwd }),
      toolcrib(['--quiet', '--version'], { cwd }),
    ]);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(/^Usage: toolcrib run /);
    expect(version).toMatchObject({ code: 0, stderr: '' });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(both.stdout).toBe(version.stdout);
    const ofTool = await toolcrib(['revoke', '--version', '3'], { cwd });
    expect(ofTool, 'behind a command, --version names a version of the tool').toMatchObject({ code: 2, stdout: '' });
    expect(ofTool.stderr).toContain('--key');
    expect(await readdir(cwd)).toEqual([]);
  });
});

describe.concurrent('where the process stands', () => {
  test('a working directory that was deleted is named, and exits with 2', async () => {
    const script = `mkdir gone && cd gone && rmdir ../gone && exec ${TOOLCRIB.join(' ')} status`;
    await using project = await scratchProject();
    const { status, stderr } = spawnSync('/bin/sh', ['-c', script], { cwd: project.folder, encoding: 'utf8' });
    expect(stderr).toContain('the working directory does not exist any more');
    expect(status).toBe(2);
  });

  test('a full disk behind stdout is said, and exits with 7', async () => {
    const script = `exec ${TOOLCRIB.join(' ')} --json status > /dev/full`;
    await using project = await scratchProject();
    const { status, stderr } = spawnSync('/bin/sh', ['-c', script], { cwd: project.folder, encoding: 'utf8' });
    expect(stderr).toContain('toolcrib: cannot write the result to stdout');
    expect(stderr).not.toContain('    at ');
    expect(status).toBe(7);
  });
});
