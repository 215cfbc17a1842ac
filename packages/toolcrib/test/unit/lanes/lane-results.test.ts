import { expect, test } from 'vitest';
import { formatSum, sumLanes } from '../../../../../scripts/lane-results.mjs';

const passed = { status: 'passed', fullName: 'a', meta: {} };
const failed = { status: 'failed', fullName: 'b', meta: {} };
const skipped = { status: 'skipped', fullName: 'c', meta: { skipReason: 'no engine' } };
const file = (status: string, ...assertionResults: object[]) => ({
  name: 'x.test.ts',
  status,
  message: '',
  assertionResults,
});
const lane = (exitCode: number, ...testResults: ReturnType<typeof file>[]) => {
  const numTotalTests = testResults.flatMap((each) => each.assertionResults).length;
  return { name: 'unit', exitCode, report: { numTotalTests, testResults } };
};
const sum = (forbidSkips: boolean, ...lanes: Parameters<typeof sumLanes>[0]) => sumLanes(lanes, { forbidSkips });

test('the lanes are summed, and every failure is named with its lane', () => {
  const result = sum(false, lane(0, file('passed', passed, passed)), lane(1, file('failed', passed, failed)));
  expect(result).toMatchObject({ passed: 3, failed: 1, skipped: 0, failures: ['unit: b'] });
  expect(formatSum(result)).toBe('3 passed, 1 failed');
});

test('skips are told with their reason where they are allowed', () => {
  const result = sum(false, lane(0, file('passed', passed, skipped)));
  expect(result).toMatchObject({ passed: 1, failed: 0, skipped: 1, skips: ['unit: c: no engine'] });
  expect(formatSum(result)).toBe('1 passed, 0 failed, 1 skipped');
});

test('a skip is a failure where it is forbidden', () => {
  const result = sum(true, lane(0, file('passed', passed, skipped)));
  expect(result).toMatchObject({ passed: 1, failed: 1, skipped: 0 });
  expect(formatSum(result)).toBe('1 passed, 1 failed');
});

test.each([
  ['left no report', { name: 'unit', exitCode: 137 }, 'unit: vitest ended with code 137 and without a report'],
  ['collected nothing', lane(0), 'unit: no test was collected'],
  ['ended badly though no test failed', lane(1, file('passed', passed)), 'though no test failed'],
  ['has a file that did not load', lane(1, file('failed')), 'x.test.ts: fails as a whole'],
  ['has a file whose hook failed', lane(1, file('failed', skipped)), 'x.test.ts: fails as a whole'],
])('a lane that %s counts as one failure', (_, broken, words) => {
  const result = sum(false, broken);
  expect(result.failed).toBe(1);
  expect(result.failures[0]).toContain(words);
});

test('no lane at all is no success to be mistaken for one', () => {
  expect(formatSum(sum(true))).toBe('0 passed, 0 failed');
});
