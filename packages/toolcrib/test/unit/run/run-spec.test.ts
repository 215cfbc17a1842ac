import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { platformName } from '../../../src/run/platform.ts';
import { createRunSpec, isRunId, runSpecProblem, verifyRunSpec, type RunSpec } from '../../../src/run/run-spec.ts';
import { failureOf } from '../core/failure.ts';
import { fixedRandom } from './fixed.ts';

function spec(change: Partial<RunSpec> = {}): RunSpec {
  return { ...createRunSpec(['true'], { platform: 'linux', random: fixedRandom }), ...change };
}

describe('a run id', () => {
  test('is run_ and a UUID of version 4 without dashes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const { run_id } = createRunSpec(['true'], { platform: 'linux', random: () => bytes });
        expect(run_id).toMatch(/^run_[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
        expect(isRunId(run_id)).toBe(true);
      }),
    );
  });

  test('keeps the random bits that version and variant leave', () => {
    expect(spec().run_id).toBe('run_000102030405460788090a0b0c0d0e0f');
  });

  test('may be chosen', () => {
    expect(createRunSpec(['true'], { platform: 'linux', random: fixedRandom, runId: 'run_001' }).run_id).toBe(
      'run_001',
    );
  });
});

describe('a run spec', () => {
  test('of the defaults is valid: no shim, no variables', () => {
    expect(spec()).toMatchObject({ agent_shim: 'none', env: {}, command: ['true'] });
    expect(() => verifyRunSpec(spec())).not.toThrow();
  });

  test.each([
    [{ command: [] }, 'command must not be empty'],
    [{ run_id: '' }, 'run_id must not be empty'],
    [{ run_id: 'bad:run' }, "run_id must not contain ':'"],
    [{ run_id: '../bad' }, "run_id may only contain ASCII letters, digits, '_' and '-'"],
    [{ run_id: 'run_é' }, "run_id may only contain ASCII letters, digits, '_' and '-'"],
    [{ run_id: 'run_1\n' }, "run_id may only contain ASCII letters, digits, '_' and '-'"],
    [{ agent_shim: 'typo-shim' }, 'unsupported agent shim "typo-shim"'],
    [{ agent_shim: 'a"b' }, 'unsupported agent shim "a\\"b"'],
  ])('%o is refused: %s', (change, message) => {
    const error = failureOf(() => verifyRunSpec(spec(change)));
    expect([error.code, error.message]).toEqual(['RUN_SPEC_INVALID', message]);
  });

  test('with several faults is refused for the first in the order of the format', () => {
    const worst = { command: [], run_id: '', agent_shim: 'typo' };
    expect(runSpecProblem(spec(worst))).toBe('command must not be empty');
    expect(runSpecProblem(spec({ ...worst, command: ['x'] }))).toBe('run_id must not be empty');
    expect(runSpecProblem(spec({ run_id: '/:', agent_shim: 'typo' }))).toBe("run_id must not contain ':'");
  });

  test.each(['none', 'openai-agents', 'gemini-google-genai'])('may name the shim %s', (agent_shim) => {
    expect(runSpecProblem(spec({ agent_shim }))).toBeUndefined();
  });
});

describe('a platform', () => {
  test.each([
    ['linux', 'linux'],
    ['darwin', 'macos'],
    ['win32', 'windows'],
    ['freebsd', 'freebsd'],
  ])('%s is called %s', (node, rust) => {
    expect(platformName(node)).toBe(rust);
  });
});
