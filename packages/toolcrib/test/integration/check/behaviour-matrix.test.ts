import { afterAll, describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
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

/** What a pull request of each row does; then it is committed. */
interface Row {
  readonly name: string;
  readonly change: (repository: GateRepository) => Promise<void>;
  readonly version: string;
  readonly says?: RegExp;
  /** Whether the jobs behind `detect` build. */
  readonly build: boolean;
}

const edit = (path: string) => (repository: GateRepository) => repository.append(path, '# changed\n');
const bump = (text: string) => (repository: GateRepository) => repository.write(VERSION_FILE, text);
const both =
  (...changes: readonly Row['change'][]): Row['change'] =>
  async (repository) => {
    for (const change of changes) await change(repository);
  };

/** The matrix of inspect_ai's design/sandbox-tools-ci-gates.md, N being 27. */
const ROWS: readonly Row[] = [
  ...[
    'src/inspect_ai/tool/_tools/_bash.py',
    'tests/tools/test_bash.py',
    'src/inspect_sandbox_tools/tests/test_exec.py',
    'src/inspect_sandbox_tools/AGENTS.md',
    'src/inspect_sandbox_tools/design/container.svg',
    'src/inspect_sandbox_tools/design/RELEASING.md',
  ].map((path): Row => ({
    name: `tool changes unrelated to the injectable (${path}), version unchanged: pass, nothing is built`,
    change: edit(path),
    version: 'ok',
    build: false,
  })),
  ...['28\n', '29\n', '26\n', '1\n'].map((text): Row => ({
    name: `the same with a mistaken change of the version to ${text.trim()}: unexpected version bump`,
    change: both(edit('tests/tools/test_bash.py'), bump(text)),
    version: 'failed',
    says: text > '27' ? /unexpected version bump: v\d+/ : /version decrease: v\d+/,
    build: false,
  })),
  {
    name: 'injectable change with the correct bump: pass, and CI builds what is not pinned yet',
    change: both(edit(SOURCE), bump('28\n')),
    version: 'ok',
    build: true,
  },
  {
    name: 'injectable change, bump missing: missing version bump',
    change: edit(SOURCE),
    version: 'failed',
    says: /missing version bump: v27.*expected v28/,
    build: false,
  },
  ...['26\n', '29\n', '1\n', '270\n'].map((text): Row => ({
    name: `injectable change, bumped to ${text.trim()}, which is not N+1: incorrect version bump`,
    change: both(edit(SOURCE), bump(text)),
    version: 'failed',
    says:
      text === '29\n' || text === '270\n' ? /incorrect version bump.*expected v28/ : /version decrease.*expected v28/,
    build: false,
  })),
];

describe.concurrent("the behaviour matrix of inspect_ai's sandbox tools", missing, () => {
  test.each(ROWS)('$name', async ({ change, version, says, build }) => {
    await using repository = await gateRepository();
    await change(repository);
    await repository.commit('change');
    const end = await repository.check();
    expect(end.outcomes['version'], end.stdout).toBe(version);
    expect(end.document['build']).toMatchObject({ needed: build });
    if (says !== undefined) expect(end.said['version']).toMatch(says);
    if (version === 'failed') expect(end).toMatchObject({ verdict: 'failed', code: 9 });
  });

  test('an unrelated change passes the whole gate', async () => {
    await using repository = await gateRepository();
    await repository.append('tests/tools/test_bash.py', '# changed\n');
    await repository.commit('change');
    const end = await repository.check();
    expect(end).toMatchObject({ code: 0, verdict: 'ok', stderr: '' });
    expect(end.outcomes).toEqual({ sources: 'ok', version: 'ok', sums: 'ok', store: 'ok' });
  });

  test('a correct bump stays closed until the sums are committed and the store has the release, then opens', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await repository.write(VERSION_FILE, '28\n');
    await repository.commit('change');
    expect((await repository.check()).outcomes).toEqual({
      sources: 'ok',
      version: 'ok',
      sums: 'failed',
      store: 'skipped',
    });
    const sums = await repository.publish(28);
    expect((await repository.check()).outcomes).toMatchObject({ sums: 'failed' });
    await repository.write(SUMS_FILE, sums);
    await repository.commit('sums');
    expect(await repository.check()).toMatchObject({ code: 0, verdict: 'ok' });
  });
});
