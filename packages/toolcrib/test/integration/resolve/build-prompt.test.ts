import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { cliEnvironment, documentOf, TOOLCRIB, toolcrib } from '../cli/command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing } from '../build/samples.ts';

const NAME = 'demo-amd64-any-v1';
const PROGRAM = elfFile({}).fill(1, 0x1f00);
const QUESTION = `Executable ${NAME} not found. Build locally?`;

/** A project that pins these bytes and can build its program; no place has it. */
async function pinning(
  bytes: Uint8Array,
  command = 'echo compiling >&2; cp program "$TOOLCRIB_OUTPUT"',
): Promise<ScratchProject> {
  return await scratchProject({
    'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], build: { driver: 'command', command } },
    'tool-version.txt': '1\n',
    SHA256SUMS: `${digestHex(digestOf(bytes))}  ${NAME}\n`,
  }).then(async (project) => {
    await project.write('program', PROGRAM);
    return project;
  });
}

interface OnTerminal {
  readonly code: number | null;
  /** Everything that the terminal shows, stdout and stderr in turn. */
  readonly shown: string;
}

/** How Node's line editor moves the cursor. */
// eslint-disable-next-line no-control-regex -- an escape sequence begins with one
const CURSOR = /\u001b\[[0-9]*[A-Z]/g;

/** Runs a command line on a terminal of its own, and types an answer when it is asked. */
async function onTerminal(project: ScratchProject, args: readonly string[], typed: string): Promise<OnTerminal> {
  const command = [...TOOLCRIB, ...args].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: project.folder,
    env: { ...cliEnvironment(project.folder), TERM: 'dumb', SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  let asked = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    if (asked || !/\[y\/n\] /i.test(shown)) return;
    asked = true;
    child.stdin.end(typed);
  });
  await once(child, 'close');
  return { code: child.exitCode, shown: shown.replaceAll('\r\n', '\n').replaceAll(CURSOR, '') };
}

const RESOLVE = ['resolve', '--target', 'amd64-any'];

describe('what no place has', requireOrSkip(await programsMissing('script')), () => {
  test('is built on a terminal when the user says yes, and what the build says is seen as it says it', async () => {
    await using project = await pinning(PROGRAM);
    const { code, shown } = await onTerminal(project, RESOLVE, 'y\n');
    expect(code, shown).toBe(0);
    expect(shown).toContain(`${QUESTION}\n  $ toolcrib build --target amd64-any\n  runs in ${project.folder}: sh -c`);
    expect(shown).toMatch(/\[y\/N\] [^]*compiling\n[^]*binaries\/demo-amd64-any-v1\n$/);
    expect(await toolcrib(RESOLVE, { cwd: project.folder })).toMatchObject({ code: 0 });
  });

  test('is not built for who only presses Enter, for it is code of the checkout: exit 3', async () => {
    await using project = await pinning(PROGRAM);
    const { code, shown } = await onTerminal(project, RESOLVE, '\n');
    expect(code, shown).toBe(3);
    expect(shown).toContain(`toolcrib: ${NAME} was not found, and building it was declined`);
    expect(await readdir(project.folder)).not.toContain('binaries');
  });

  test('is not kept when it comes out with other bytes than those that are pinned: exit 4', async () => {
    await using project = await pinning(elfFile({}));
    const { code, shown } = await onTerminal(project, RESOLVE, 'yes\n');
    expect(code, shown).toBe(4);
    expect(shown).toContain('is pinned: it was not kept');
    expect(await readdir(join(project.folder, 'binaries'))).toEqual([]);
  });

  test('is summed up when its build fails: exit 9', async () => {
    await using project = await pinning(PROGRAM, 'echo no compiler >&2; exit 4');
    const { code, shown } = await onTerminal(project, RESOLVE, 'y\n');
    expect(code, shown).toBe(9);
    expect(shown).toMatch(
      /\nno compiler\n[^]*failed: \/bin\/sh exited with 4; the end of its output:\n {4}no compiler\n/,
    );
  });

  test('is interrupted with Ctrl-C while the question stands: exit 130', async () => {
    await using project = await pinning(PROGRAM);
    expect(await onTerminal(project, RESOLVE, '\u0003')).toMatchObject({ code: 130 });
  });

  test.each<[string, readonly string[], Readonly<Record<string, string>>]>([
    ['without a terminal', RESOLVE, {}],
    ['with --json', ['--json', ...RESOLVE], {}],
    ['in CI', RESOLVE, { CI: 'true' }],
  ])('is named with its command, and never asked about, %s: exit 3', async (_, args, env) => {
    await using project = await pinning(PROGRAM);
    const end = await toolcrib(args, { cwd: project.folder, env });
    expect(end.code).toBe(3);
    expect(`${end.stdout}${end.stderr}`).toContain('or build it here: toolcrib build --target amd64-any');
    expect(`${end.stdout}${end.stderr}`).not.toContain('Build locally?');
    if (args[0] === '--json') expect(documentOf(end)).toMatchObject({ error: { code: 'NOT_FOUND' } });
  });
});
