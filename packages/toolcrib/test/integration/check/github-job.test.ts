import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { toolcrib, type CliEnd } from '../cli/command-line.ts';
import { programsMissing } from '../build/samples.ts';
import {
  gateRepository,
  removeTemplate,
  SOURCE,
  SUMS_FILE,
  VERSION_FILE,
  type GateRepository,
} from './gate-repository.ts';

const missing = requireOrSkip(await programsMissing('git'));
afterAll(removeTemplate);

/** What a step of a job left: how it ended, its outputs, its summary. */
interface Step extends CliEnd {
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
}

async function step(repository: GateRepository, ...args: readonly string[]): Promise<Step> {
  const output = join(repository.folder, '../output');
  const summary = join(repository.folder, '../summary');
  const env = { GITHUB_ACTIONS: 'true', GITHUB_BASE_REF: 'main', GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary };
  const end = await toolcrib(['check', ...args], { cwd: repository.folder, env });
  const lines = (await readFile(output, 'utf8')).trimEnd().split('\n').slice(-5);
  const outputs = Object.fromEntries(lines.map((line) => [line.split('=', 1)[0] ?? '', line.replace(/^[^=]*=/, '')]));
  return { ...end, outputs, summary: await readFile(summary, 'utf8') };
}

async function bumped(): Promise<GateRepository> {
  const repository = await gateRepository();
  await repository.append(SOURCE, '# changed\n');
  await repository.write(VERSION_FILE, '28\n');
  await repository.commit('change');
  return repository;
}

describe.concurrent('check in a job of GitHub Actions', missing, () => {
  test('annotates what failed on stderr, and stdout stays one JSON document', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await repository.commit('change');
    const { stdout, stderr, code } = await step(repository, '--json');
    expect(code).toBe(9);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'failed' });
    expect(stderr.split('\n')).toEqual([
      expect.stringMatching(
        `^::error file=${VERSION_FILE},line=1,title=inspect-sandbox-tools%3A version::missing version`,
      ),
      expect.stringMatching(`^::error file=${SUMS_FILE},line=1,title=inspect-sandbox-tools%3A sums::`),
      '',
    ]);
  });

  test('writes a table for the page of the run', async () => {
    await using repository = await gateRepository();
    const { summary } = await step(repository);
    expect(summary).toContain('### inspect-sandbox-tools: merge gate\n\nThe merge gate is open.\n\n');
    expect(summary.match(/^\| ok \| (?:sources|version|sums|store .*) \|/gm)).toHaveLength(4);
  });

  test('warns who reviews a change that has it ask no store any more, which closes no gate', async () => {
    await using repository = await gateRepository();
    expect((await step(repository, '--json')).stdout).toContain('"notices":[]');
    await repository.configure({ stores: [] });
    await repository.commit('no stores');
    const end = await step(repository);
    expect(end.code, end.stdout).toBe(0);
    expect(end.stdout).toMatch(/^notice {3}"stores" of toolcrib\.json .*: nothing tells any more/m);
    expect(end.stderr).toMatch(/^::warning title=[^\n]*toolcrib\.json::"stores" of toolcrib\.json/m);
    expect(end.summary).toContain('to review');
  });

  test('tells later jobs what to build: nothing when nothing that ships changed', async () => {
    await using repository = await gateRepository();
    await repository.append('README.md', 'x');
    await repository.commit('change');
    expect((await step(repository)).outputs).toEqual({
      version: '27',
      changed: 'false',
      build: 'false',
      reason: 'nothing that ships changed',
      'built-commit': '',
    });
  });

  test('builds a bumped version until its sums are committed; a push of only those does not build again', async () => {
    await using repository = await bumped();
    const first = await step(repository);
    expect(first.outputs).toMatchObject({
      version: '28',
      changed: 'true',
      build: 'true',
      reason: 'v28 is not pinned yet',
    });
    const built = await repository.git('rev-parse', 'HEAD');
    await repository.write(SUMS_FILE, (await repository.read(SUMS_FILE)).replaceAll('-v27', '-v28'));
    await repository.commit('sums');
    await repository.append('README.md', 'what does not ship');
    await repository.commit('readme');
    expect((await step(repository)).outputs).toMatchObject({ build: 'false', 'built-commit': built });
  });

  test('builds again when sources change after the sums, and closes the gate until they are new', async () => {
    await using repository = await bumped();
    await repository.write(SUMS_FILE, (await repository.read(SUMS_FILE)).replaceAll('-v27', '-v28'));
    await repository.commit('sums');
    await repository.append(SOURCE, '# once more\n');
    await repository.commit('once more');
    const { outputs, stdout, code } = await step(repository);
    expect(code).toBe(9);
    expect(outputs).toMatchObject({ build: 'true', reason: 'what ships changed after v28 was pinned' });
    expect(stdout).toMatch(/FAILED +sums: what ships changed after \S+ was written by [0-9a-f]{12}/);
  });

  test('builds again when the build command changes after the sums', async () => {
    await using repository = await bumped();
    await repository.write(SUMS_FILE, (await repository.read(SUMS_FILE)).replaceAll('-v27', '-v28'));
    await repository.commit('sums');
    await repository.configure({ build: { driver: 'command', command: 'make' } });
    await repository.commit('command');
    expect((await step(repository)).outputs).toMatchObject({ build: 'true' });
  });

  test('builds what came in one commit with its sums, which prove nothing then', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await repository.write(VERSION_FILE, '28\n');
    await repository.write(SUMS_FILE, (await repository.read(SUMS_FILE)).replaceAll('-v27', '-v28'));
    await repository.commit('all in one');
    expect((await step(repository)).outputs).toMatchObject({
      build: 'true',
      reason: 'v28 was pinned in one commit with its sources or its version',
    });
  });

  test('builds what was pinned together with its version: the commit before had another one in it', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await repository.commit('change');
    await repository.write(VERSION_FILE, '28\n');
    await repository.write(SUMS_FILE, (await repository.read(SUMS_FILE)).replaceAll('-v27', '-v28'));
    await repository.commit('version and sums');
    expect((await step(repository)).outputs).toMatchObject({ build: 'true', 'built-commit': '' });
    await repository.remove(SUMS_FILE);
    await repository.commit('no sums');
    expect((await step(repository)).outputs).toMatchObject({ build: 'true', reason: 'v28 is not pinned yet' });
  });

  test('does not build what every store holds with the pinned digests', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await repository.write(VERSION_FILE, '28\n');
    await repository.write(SUMS_FILE, await repository.publish(28));
    await repository.commit('all in one');
    const { outputs, code } = await step(repository);
    expect(code).toBe(0);
    expect(outputs).toMatchObject({ build: 'false', reason: 'every store holds v28 with the pinned digests' });
  });

  test('does not build a version that is wrong', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await repository.commit('change');
    expect((await step(repository)).outputs).toMatchObject({ version: '27', changed: 'true', build: 'false' });
  });
});
