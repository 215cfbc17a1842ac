import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gitEnvironment } from '../../../src/git/git-environment.ts';
import { disabledFilters } from '../../../src/git/repository-filters.ts';

/** The settings that git reads from an environment, later ones last. */
function settingsOf(env: Record<string, string>): [string | undefined, string | undefined][] {
  const count = Number(env['GIT_CONFIG_COUNT']);
  return Array.from({ length: count }, (_, at) => [env[`GIT_CONFIG_KEY_${at}`], env[`GIT_CONFIG_VALUE_${at}`]]);
}

describe('the environment that git runs in', () => {
  test('has nothing of what names another repository, another program or a trace', () => {
    const hostile = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_EXTERNAL_DIFF', 'GIT_PAGER', 'GIT_TRACE'];
    const more = ['GIT_CONFIG_PARAMETERS', 'GIT_SSH_COMMAND', 'GIT_EXEC_PATH', 'LD_PRELOAD', 'AWS_SECRET_ACCESS_KEY'];
    const pathspecs = ['LITERAL', 'GLOB', 'NOGLOB', 'ICASE'].map((name) => `GIT_${name}_PATHSPECS`);
    const names = [...hostile, ...more, ...pathspecs, 'GIT_ATTR_SOURCE'];
    const env = gitEnvironment({ PATH: '/bin', HOME: '/h', ...Object.fromEntries(names.map((name) => [name, 'x'])) });
    expect(Object.keys(env).filter((name) => names.includes(name))).toEqual([]);
    expect(env).toMatchObject({ PATH: '/bin', HOME: '/h', GIT_OPTIONAL_LOCKS: '0', GIT_ALLOW_PROTOCOL: '' });
  });

  test('keeps the settings of the user, and has its own after them', () => {
    const user = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'core.fsmonitor', GIT_CONFIG_VALUE_0: './evil' };
    const settings = settingsOf(gitEnvironment(user, [['filter.x.clean', '']]));
    expect(settings[0]).toEqual(['core.fsmonitor', './evil']);
    expect(settings.findLast(([key]) => key === 'core.fsmonitor')).toEqual(['core.fsmonitor', 'false']);
    expect(settings.at(-1)).toEqual(['filter.x.clean', '']);
    expect(settings.flat()).not.toContain(undefined);
  });
});

const LOCAL = ['local', 'worktree'];
const record = (scope: string, key: string, value: string): string => `${scope}\0${key}\n${value}\0`;

describe('filters that a repository brings', () => {
  test('are turned off, whatever they are called and run', () => {
    const name = fc.string({ minLength: 1 }).filter((text) => !/[\0\n]/.test(text));
    const value = fc.string({ unit: fc.constantFrom('\n', ' ', '=', '.', '\u{1f600}', 'a') });
    fc.assert(
      fc.property(fc.constantFrom(...LOCAL), name, fc.constantFrom('clean', 'smudge', 'process'), value, (...given) => {
        const [scope, filter, what, command] = given;
        const key = `filter.${filter}.${what}`;
        expect(disabledFilters(record(scope, key, command))).toEqual([[key, '']]);
      }),
    );
  });

  test('are demanded no more', () => {
    expect(disabledFilters('local\0filter.x.required\0')).toEqual([['filter.x.required', 'false']]);
  });

  test.each(['system', 'global', 'command'])('stay when they are of the %s configuration', (scope) => {
    expect(disabledFilters(record(scope, 'filter.x.clean', 'mine'))).toEqual([]);
  });

  test('stay when they are what "git lfs install --local" writes, and nothing more', () => {
    expect(disabledFilters(record('local', 'filter.lfs.clean', 'git-lfs clean -- %f'))).toEqual([]);
    const more = record('local', 'filter.lfs.clean', 'git-lfs clean -- %f; touch x');
    expect(disabledFilters(more)).toEqual([['filter.lfs.clean', '']]);
  });
});
