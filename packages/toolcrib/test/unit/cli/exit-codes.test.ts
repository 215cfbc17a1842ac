import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../../src/cli/exit-codes.ts';
import { createOutput, errorDocument, type Output } from '../../../src/cli/output.ts';
import {
  CheckError,
  ConflictError,
  IntegrityError,
  InterruptedError,
  NotFoundError,
  PolicyError,
  RemoteError,
  SandboxError,
  UsageError,
} from '../../../src/core/errors.ts';

const CASES = [
  ['wrong usage', new UsageError('USAGE', 'no'), 2],
  ['what is not found', new NotFoundError('NOT_FOUND', 'no'), 3],
  ['other bytes than were pinned', new IntegrityError('DIGEST_MISMATCH', 'no'), 4],
  ['what a rule refuses', new PolicyError('ROLLBACK', 'no'), 5],
  ['a version that is taken', new ConflictError('VERSION_TAKEN', 'no'), 6],
  ['a remote that does not do its part', new RemoteError('UNREACHABLE', 'no'), 7],
  ['a sandbox that cannot take the tool', new SandboxError('NOT_INJECTABLE', 'no'), 8],
  ['a check that came out negative', new CheckError('BUILD_FAILED', 'no'), 9],
  ['Ctrl-C', new InterruptedError(), 130],
  ['a bug', new TypeError('no'), 1],
  ['a thrown string', 'no', 1],
] as const;

test.each(CASES)('the exit code of %s', (_, error, code) => {
  expect(exitCodeOf(error)).toBe(code);
});

test('docs/exit-codes.md lists exactly the exit codes that there are', () => {
  const text = readFileSync(new URL('../../../../../docs/exit-codes.md', import.meta.url), 'utf8');
  const [general = '', wrapping = ''] = text.split('## run and exec');
  const codesIn = (part: string) => [...part.matchAll(/^\| (\d[\d+N]*) /gm)].map(([, code]) => code);
  const documented = codesIn(general).map(Number);
  expect(documented).toEqual([...new Set([0, ...CASES.map(([, , code]) => code)])].sort((a, b) => a - b));
  expect(codesIn(wrapping)).toEqual(['128+N', '125', '126', '127']);
});

function recordedOutput(options: Parameters<typeof createOutput>[1], isTTY = false) {
  const said = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({ isTTY, write: (text: string) => (said[name] += text) });
  return { said, output: createOutput({ stdout: stream('stdout'), stderr: stream('stderr') }, options) };
}

test('a failure says what happened and what to do, on stderr', () => {
  const { said, output } = recordedOutput({ json: false, quiet: true });
  output.fail(new UsageError('USAGE', 'what', { hint: 'do this' }));
  expect(said).toEqual({ stdout: '', stderr: 'toolcrib: what\n  hint: do this\n' });
});

test('a failure is one JSON document with --json, with a null hint when there is none', () => {
  const { said, output } = recordedOutput({ json: true, quiet: false });
  output.fail(new IntegrityError('SIZE_MISMATCH', 'a\nb', { details: { expected: 1, actual: 2 } }));
  expect(said.stderr).toBe('');
  expect(said.stdout).toBe(
    '{"error":{"code":"SIZE_MISMATCH","message":"a\\nb","hint":null,"details":{"expected":1,"actual":2}}}\n',
  );
});

test('a bug asks to be reported and shows its stack, as text and as JSON', () => {
  const bug = new TypeError('x is undefined');
  const { said, output } = recordedOutput({ json: false, quiet: false });
  output.fail(bug);
  expect(said.stderr).toContain('this is a bug in toolcrib');
  expect(said.stderr).toContain(bug.stack);
  expect(errorDocument(bug)).toMatchObject({
    error: { code: 'BUG', message: bug.message, details: { stack: bug.stack } },
  });
});

/** What a stranger would have a terminal do, or a person or a runner of CI believe. */
const HOSTILE = 'x\u001b[2J\u009b1m\u202ey\r\n  hint: run this\n::error::forged\n##[error]forged';

describe('words of strangers', () => {
  const failure = new UsageError('USAGE', HOSTILE, { hint: HOSTILE, details: { HOSTILE } });
  const told = String.raw`x\x1b[2J\x9b1m\u{202e}y\x0d`;

  test('in a failure do nothing, and are no message or hint of ours', () => {
    const { said, output } = recordedOutput({ json: false, quiet: false });
    output.fail(failure);
    const lines = `${told}\n      hint: run this\n    ::error::forged\n    ##[error]forged\n`;
    expect(said.stderr).toBe(`toolcrib: ${lines}  hint: ${lines}`);
  });

  test.each([
    ['a failure', (output: Output) => output.fail(failure)],
    ['a bug', (output: Output) => output.fail(new TypeError(HOSTILE))],
    ['talk', (output: Output) => output.say(HOSTILE)],
    ['a result', (output: Output) => output.result(HOSTILE, HOSTILE)],
  ])('in %s are no command to a runner of GitHub Actions', (_, tell) => {
    for (const json of [false, true]) {
      const { said, output } = recordedOutput({ json, quiet: false, onRunner: true });
      tell(output);
      expect(`${said.stdout}${said.stderr}`).toContain('forged');
      expect(`${said.stdout}${said.stderr}`).not.toMatch(/^\s*::|##\[/m);
    }
  });

  test('in a result do nothing to a terminal, and reach a program as they are', () => {
    const shown = recordedOutput({ json: false, quiet: false }, true);
    shown.output.result({}, '/a\u202eb\n');
    expect(shown.said.stdout).toBe('/a\\u{202e}b\n');
    const piped = recordedOutput({ json: false, quiet: false });
    piped.output.result({}, '/a\u202eb\n');
    expect(piped.said.stdout).toBe('/a\u202eb\n');
  });

  test('in JSON mean the same and do nothing', () => {
    const { said, output } = recordedOutput({ json: true, quiet: false });
    output.fail(failure);
    expect(said.stdout).toMatch(/^[\x20-\x7e]+\n$/);
    expect(JSON.parse(said.stdout)).toMatchObject({ error: { message: HOSTILE, hint: HOSTILE, details: { HOSTILE } } });
  });
});

test('a command to the runner of GitHub Actions is for it alone', () => {
  const [runner, person] = [true, false].map((onRunner) => recordedOutput({ json: false, quiet: false, onRunner }));
  for (const each of [runner, person]) each?.output.command('::notice::x');
  expect([runner?.said.stderr, person?.said.stderr]).toEqual(['::notice::x\n', '']);
});

test('--quiet keeps messages back, never results', () => {
  const { said, output } = recordedOutput({ json: false, quiet: true });
  output.say('talk');
  output.result({ a: 1 }, 'text');
  expect(said).toEqual({ stdout: 'text\n', stderr: '' });
});
