import { Readable, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../../src/core/errors.ts';
import { verifyExecRequest } from '../../../src/flows/exec-request.ts';
import type { ExecRequest } from '../../../src/flows/exec-tool.ts';

const verify = (more: Partial<ExecRequest>) => {
  const streams = { stdin: Readable.from([]), stdout: new Writable(), stderr: new Writable() };
  verifyExecRequest({ sandbox: 'docker:web', args: ['version'], ...streams, ...more });
};

describe('what is asked of exec', () => {
  test.each<[string, Partial<ExecRequest>]>([
    ['a variable without a name', { env: { '': 'x' } }],
    ['a name with "="', { env: { 'A=B': 'x' } }],
    ['a name with a newline and NUL', { env: { 'A\n\0': 'x' } }],
    ['a value with NUL', { env: { A: 'x\0y' } }],
    ['the context of the tool', { env: { TOOLCRIB_SANDBOX_CONTEXT: '{}' } }],
    ['another name of toolcrib', { env: { TOOLCRIB_CACHE_DIR: '/x' } }],
    ['an argument with NUL', { args: ['a\0b'] }],
    ['no user', { user: '' }],
    ['a user with NUL', { user: 'a\0' }],
    ['a relative directory', { cwd: 'src' }],
    ['no directory', { cwd: '' }],
    ['a directory with NUL', { cwd: '/a\0' }],
    ['no time', { timeout: 0 }],
    ['less than no time', { timeout: -1 }],
    ['a time that is no number', { timeout: NaN }],
    ['a time without end', { timeout: Infinity }],
    ['more than a week', { timeout: 604_801 }],
  ])('is refused: %s', (_, more) => {
    expect(() => verify(more)).toThrow(UsageError);
  });

  test('is taken when a sandbox may know it: names with dots, values with anything but NUL, fractions of a second', () => {
    verify({ env: { 'a.b-c': '=;\n$HOME', LD_PRELOAD: '/x.so' }, user: '1000:1000', cwd: '/a b', timeout: 0.0015 });
  });

  test('is never a value of a variable that cannot be passed', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, value) => {
        const isFine = name !== '' && !/[=\0]/.test(name) && !value.includes('\0') && !name.startsWith('TOOLCRIB_');
        if (isFine) verify({ env: { [name]: value } });
        else expect(() => verify({ env: { [name]: value } })).toThrow(UsageError);
      }),
    );
  });
});
