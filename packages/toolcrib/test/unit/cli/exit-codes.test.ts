import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { exitCodeOf } from '../../../src/cli/exit-codes.ts';
import { createOutput, errorDocument } from '../../../src/cli/output.ts';
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

function recordedOutput(options: { json: boolean; quiet: boolean }) {
  const said = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({ write: (text: string) => (said[name] += text) });
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

test('--quiet keeps messages back, never results', () => {
  const { said, output } = recordedOutput({ json: false, quiet: true });
  output.say('talk');
  output.result({ a: 1 }, 'text');
  expect(said).toEqual({ stdout: 'text\n', stderr: '' });
});
