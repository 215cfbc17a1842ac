import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { judgeVersion, type VersionFacts } from '../../../src/check/judge-version.ts';
import { formatVersionFile } from '../../../src/core/version.ts';

const reading = (version: number) => ({ version, text: formatVersionFile(version) });
const version = fc.integer({ min: 1, max: 50 });
const facts = (base: number, head: number, changed: boolean): VersionFacts => ({
  file: 'version.txt',
  base: reading(base),
  head: reading(head),
  changed,
  required: { version: changed ? base + 1 : base, taken: [], unasked: [] },
});

describe('the version rule', () => {
  test('holds exactly when the version moved as what ships did', () => {
    fc.assert(
      fc.property(version, version, fc.boolean(), (base, head, changed) => {
        const { outcome, todo } = judgeVersion(facts(base, head, changed));
        expect(outcome).toBe(head === (changed ? base + 1 : base) ? 'ok' : 'failed');
        expect(todo === null).toBe(outcome === 'ok');
      }),
    );
  });

  test.each([
    [27, false, 28, 'unexpected version bump: v28, though nothing that ships changed since v27'],
    [27, false, 26, 'version decrease: v26, the base has v27; expected v27'],
    [27, true, 27, 'missing version bump: v27, but what ships changed since v27; expected v28'],
    [27, true, 29, 'incorrect version bump: v29, but what ships changed since v27; expected v28'],
    [27, true, 3, 'version decrease: v3, the base has v27; expected v28'],
  ])('tells what is wrong: base v%i, changed %s, now v%i', (base, changed, head, message) => {
    expect(judgeVersion(facts(base, head, changed)).message).toBe(message);
  });

  test.each(['28', '28\r\n'])('wants an integer and a newline, not %j', (text) => {
    const { outcome, message } = judgeVersion({ ...facts(27, 28, true), head: { version: 28, text } });
    expect(outcome).toBe('failed');
    expect(message).toContain('exactly one integer and a newline');
  });

  test('leaves a file without a newline alone that the change did not touch', () => {
    const same = { version: 27, text: '27' };
    expect(judgeVersion({ ...facts(27, 27, false), head: same, base: same }).outcome).toBe('ok');
  });

  test('says why a version is passed over', () => {
    const required = { version: 29, taken: [{ version: 28, stores: ['s3://a', 'file:b'] }], unasked: ['https://c'] };
    const { message } = judgeVersion({ ...facts(27, 28, true), required });
    expect(message).toContain('expected v29 (v28 is taken in s3://a, file:b; not asked: https://c)');
  });
});
