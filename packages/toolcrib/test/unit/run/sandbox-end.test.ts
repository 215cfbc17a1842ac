import { describe, expect, test } from 'vitest';
import {
  injectionProblems,
  injectionSchema,
  recordedEnd,
  type InjectionRecord,
} from '../../../src/run/reports/injection-record.ts';
import { endInSandbox, isContradicted, type EndAccounts } from '../../../src/run/sandbox-end.ts';
import { PLACEMENT } from './placement.ts';

const NOBODY: EndAccounts = { asked: null, kernel: null, tool: null };
const code = (exitCode: number) => ({ exitCode, signal: null });
const signal = (number: number) => ({ exitCode: null, signal: number });
const UNKNOWN = { exitCode: null, signal: null };

describe('a command in a sandbox', () => {
  test.each([
    ['nobody told', NOBODY, UNKNOWN],
    ['its tool told', { ...NOBODY, tool: code(3) }, code(3)],
    ['the kernel told', { ...NOBODY, kernel: signal(9) }, signal(9)],
    ['both told, differently', { ...NOBODY, kernel: code(0), tool: code(3) }, code(0)],
    ['it was to be ended, and nobody told', { ...NOBODY, asked: 15 }, UNKNOWN],
    ['it was ended by its tool as it was asked', { ...NOBODY, asked: 13, tool: signal(15) }, signal(13)],
    ['it was killed by its tool', { ...NOBODY, asked: 15, tool: signal(9) }, signal(9)],
    ['the kernel saw it killed', { asked: 15, kernel: signal(9), tool: signal(9) }, signal(9)],
    ['it was to be ended, and exited', { ...NOBODY, asked: 15, tool: code(0) }, code(0)],
    ['it was to be ended, and crashed', { ...NOBODY, asked: 15, kernel: signal(11) }, signal(11)],
  ])('ended as that is known where %s', (_when, accounts, end) => {
    expect(endInSandbox(accounts, 'running')).toEqual(end);
    expect(endInSandbox(accounts, 'gone')).toEqual(UNKNOWN);
  });

  test('is contradicted where both told, and not the same', () => {
    expect(isContradicted({ ...NOBODY, kernel: code(0), tool: code(3) })).toBe(true);
    expect(isContradicted({ ...NOBODY, kernel: code(3), tool: code(3) })).toBe(false);
    expect(isContradicted({ ...NOBODY, kernel: code(0) })).toBe(false);
  });
});

describe('the record of an injection', () => {
  const anchor = { pid: 1, cgroup_id: 1 };
  const record = (accounts: EndAccounts, facts: Partial<InjectionRecord> = {}): InjectionRecord => {
    const ended = recordedEnd(accounts);
    return { ...PLACEMENT, schema: 'toolcrib.injection.v0', run_id: 'run', anchor, ended, ...facts };
  };
  const problems = (injection: InjectionRecord, exit_code: number | null, kernelLayer = 'complete') =>
    injectionProblems(injection, { kernelLayer, end: { exit_code, signal: null } });

  test('goes with the end of the run that was told', () => {
    expect(problems(record({ ...NOBODY, kernel: code(3), tool: code(0) }), 3)).toEqual([]);
    expect(problems(record(NOBODY), null)).toEqual([]);
  });

  test.each([
    ['an exit code that nobody told', record(NOBODY), 0],
    ['the one that the tool told against the kernel', record({ ...NOBODY, kernel: code(3), tool: code(0) }), 0],
    ['one in a sandbox that died', record({ ...NOBODY, tool: code(0) }, { after: 'gone' }), 0],
  ])('contradicts %s', (_what, injection, exitCode) => {
    expect(problems(injection, exitCode)).toEqual([
      expect.stringMatching(/^the run ended with exit code 0, what was told/),
    ]);
  });

  test.each([
    ['a code and a signal at once', { kernel: { exit_code: 3, signal: 9 } }, 'not both'],
    ['an exit code that no process has', { tool: { exit_code: 2 ** 53 - 1, signal: null } }, 'from 0 to 255'],
    ['an exit code below 0', { kernel: { exit_code: -1, signal: null } }, 'from 0 to 255'],
    ['the signal 0', { kernel: { exit_code: null, signal: 0 } }, 'from 1 to 64'],
    ['a signal that no system has, asked for', { asked: 99_999 }, 'from 1 to 64'],
  ])('is none with %s', (_what, told, message) => {
    const ended = { ...recordedEnd(NOBODY), ...told };
    const read = injectionSchema.safeParse({ ...record(NOBODY), ended });
    expect(read.error?.issues.map((issue) => issue.message)).toEqual([expect.stringContaining(message)]);
    expect(injectionSchema.safeParse(record({ asked: 64, kernel: code(255), tool: signal(1) })).success).toBe(true);
  });

  test('has no end by a kernel that was not observed', () => {
    const told = record({ ...NOBODY, kernel: code(0) });
    const unseen = ['the kernel tells the end of a command that nobody observed'];
    expect(problems(told, 0, 'absent')).toEqual(unseen);
    expect(problems({ ...told, anchor: null }, 0, 'absent')).toEqual(unseen);
  });

  test('of an older archive says nothing about the end', () => {
    expect(problems({ ...record(NOBODY), ended: undefined }, 0)).toEqual([]);
  });
});
