import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { toolcrib } from '../cli/command-line.ts';
import { programsMissing } from '../build/samples.ts';
import {
  gateRepository,
  removeTemplate,
  SOURCE,
  SUMS_FILE,
  TARGETS,
  TOOL,
  VERSION_FILE,
  type GateRepository,
} from './gate-repository.ts';

const missing = requireOrSkip(await programsMissing('git'));
afterAll(removeTemplate);

/** Puts executables of a version where a build leaves them. */
async function build(repository: GateRepository, version: number, targets = TARGETS): Promise<void> {
  const folder = join(repository.folder, 'src/inspect_ai/binaries');
  await mkdir(folder, { recursive: true });
  for (const target of targets) {
    const machine = target.startsWith('arm64') ? 183 : 62;
    const musl = target.endsWith('musl')
      ? { interpreter: '/lib/ld-musl-x86_64.so.1', needed: ['libc.musl-x86_64.so.1'] }
      : {};
    await writeFile(join(folder, `${TOOL}-${target}-v${version}`), elfFile({ machine, ...musl }).fill(version, 0x1f00));
  }
}

describe.concurrent('check --fix', missing, () => {
  test('bumps the version, takes the old pins away, and says that CI computes the new ones', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await repository.commit('change');
    const end = await repository.check(['--fix']);
    expect(end.code).toBe(9);
    expect(await repository.read(VERSION_FILE)).toBe('28\n');
    expect(end.outcomes).toMatchObject({ version: 'ok', sums: 'failed' });
    expect(end.said['sums']).toContain('toolcrib fetch --run ID --sums');
    expect(end.document['fixes']).toEqual([
      { file: VERSION_FILE, what: 'wrote version 28' },
      { file: SUMS_FILE, what: 'removed it: it did not pin v28, and git keeps it' },
    ]);
    expect(await repository.git('diff', '--name-status')).toBe(`D\t${SUMS_FILE}\nM\t${VERSION_FILE}`);
  });

  test('pins what was built, when every target of the version is there', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await build(repository, 28);
    const end = await repository.check(['--fix', '--offline']);
    expect(end, end.stdout).toMatchObject({ code: 0, outcomes: { version: 'ok', sums: 'ok', store: 'skipped' } });
    expect((await repository.read(SUMS_FILE)).match(/-v28$/gm)).toHaveLength(4);
  });

  test.each([
    ['a target is missing', (repository: GateRepository) => build(repository, 28, TARGETS.slice(1))],
    [
      'a file is no executable',
      async (repository: GateRepository) => {
        await build(repository, 28);
        await repository.write(`src/inspect_ai/binaries/${TOOL}-amd64-v28`, 'text');
      },
    ],
    ['they are of another version', (repository: GateRepository) => build(repository, 27)],
  ])('pins nothing when %s', async (_, make) => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await make(repository);
    const end = await repository.check(['--fix']);
    expect(end.outcomes).toMatchObject({ version: 'ok', sums: 'failed' });
  });

  test.each([
    ['an unexpected bump', VERSION_FILE, '28\n'],
    ['a decrease', VERSION_FILE, '3\n'],
    ['a version that is none', VERSION_FILE, 'x\n'],
    ['pins that changed', SUMS_FILE, 'x\n'],
  ])('takes %s back: the file is as it is on the base', async (_, path, text) => {
    await using repository = await gateRepository();
    const before = await repository.read(path);
    await repository.write(path, text);
    expect(await repository.check(['--fix'])).toMatchObject({ code: 0, verdict: 'ok' });
    expect(await repository.read(path)).toBe(before);
  });

  test('leaves pins alone that nobody else has', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await repository.write(SUMS_FILE, 'my own notes\n');
    const end = await repository.check(['--fix']);
    expect(end.outcomes).toMatchObject({ version: 'ok', sums: 'failed' });
    expect(await repository.read(SUMS_FILE)).toBe('my own notes\n');
  });

  test('writes the version that is free', async () => {
    await using repository = await gateRepository();
    await repository.publish(28, 'of somebody else');
    await repository.append(SOURCE, '# changed\n');
    await repository.write(VERSION_FILE, '28\n');
    await repository.check(['--fix']);
    expect(await repository.read(VERSION_FILE)).toBe('29\n');
  });

  test('touches nothing when there is nothing to mend, and nothing twice', async () => {
    await using repository = await gateRepository();
    expect((await repository.check(['--fix'])).document['fixes']).toEqual([]);
    expect(await repository.git('status', '--porcelain')).toBe('');
    await repository.append(SOURCE, '# changed\n');
    await repository.check(['--fix']);
    expect((await repository.check(['--fix'])).document['fixes']).toEqual([]);
  });

  test('tells what it wrote, then every rule again, one line each', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    const { stdout, code } = await toolcrib(['check', '--fix'], { cwd: repository.folder });
    expect(code).toBe(9);
    expect(stdout.split('\n').map((line) => /^\S+ +\w+/.exec(line)?.[0])).toEqual([
      expect.stringMatching(/^inspect-sandbox-tools: /) as unknown,
      'fixed    src',
      'fixed    src',
      'ok       sources',
      'ok       version',
      'FAILED   sums',
      'skipped  store',
      'build: yes',
      'The merge',
      undefined,
    ]);
  });
});
