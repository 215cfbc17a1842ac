import { expect, test } from 'vitest';
import { parseJobs } from '../../../src/cli/program-options.ts';
import { failureOf } from '../core/failure.ts';

test.each(['0', '-1', '1000', '1.5', 'many', ''])('--jobs %j is refused with what to write', (value) => {
  expect(failureOf(() => parseJobs(value))).toMatchObject({ code: 'USAGE', hint: 'e.g. --jobs 8' });
});

test('--jobs takes a number', () => {
  expect(parseJobs('12')).toBe(12);
});
