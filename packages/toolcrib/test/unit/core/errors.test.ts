import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  hasCode,
  InterruptedError,
  isSystemError,
  messageOf,
  NotFoundError,
  ToolcribError,
  UsageError,
} from '../../../src/core/errors.ts';

describe('an error of toolcrib', () => {
  test('says what happened, what to do about it, and why', () => {
    const cause = new Error('the reason');
    const error = new UsageError('USAGE', 'no', { hint: 'do that', details: { file: 'f', line: 3 }, cause });
    expect(error).toBeInstanceOf(ToolcribError);
    expect(error).toMatchObject({ name: 'UsageError', code: 'USAGE', message: 'no', hint: 'do that', cause });
    expect(error.details).toEqual({ file: 'f', line: 3 });
  });

  test('without particulars has empty details and no cause', () => {
    const error = new NotFoundError('NOT_FOUND', 'no');
    expect(error.details).toEqual({});
    expect(error.hint).toBeUndefined();
    expect('cause' in error).toBe(false);
  });

  test('of an interrupt needs no words', () => {
    expect(new InterruptedError()).toMatchObject({ code: 'INTERRUPTED', message: 'interrupted' });
  });

  test('is told by its code, and by nothing that only looks like it', () => {
    const error = new UsageError('USAGE', 'no');
    expect(hasCode(error, 'NOT_FOUND', 'USAGE')).toBe(true);
    expect(hasCode(error, 'NOT_FOUND')).toBe(false);
    expect(hasCode(Object.assign(new Error('no'), { code: 'USAGE' }), 'USAGE')).toBe(false);
    expect(hasCode(undefined, 'USAGE')).toBe(false);
  });
});

describe('an error of the operating system', () => {
  test('is told by its code', () => {
    const error = Object.assign(new Error('no'), { code: 'ENOENT' });
    expect(isSystemError(error, 'ENOTDIR', 'ENOENT')).toBe(true);
    expect(isSystemError(error, 'EACCES')).toBe(false);
    expect(isSystemError({ code: 'ENOENT' }, 'ENOENT')).toBe(false);
    expect(isSystemError(Object.assign(new Error('no'), { code: 2 }), 'ENOENT')).toBe(false);
  });
});

describe('the message of what was thrown', () => {
  test('is a text, whatever was thrown', () => {
    expect(messageOf(new Error('no'))).toBe('no');
    expect(messageOf({ toString: 1, valueOf: 2 })).toBe('an object without a message was thrown');
    fc.assert(
      fc.property(fc.jsonValue(), (thrown) => {
        expect(typeof messageOf(thrown)).toBe('string');
      }),
    );
  });
});
