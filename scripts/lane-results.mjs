/**
 * @typedef {object} Lane one run of vitest
 * @property {string} name
 * @property {number} exitCode
 * @property {any} [report] vitest's JSON report; absent when vitest wrote none
 */

const NO_REASON = 'no reason given';

const isSkipped = (test) => ['skipped', 'pending', 'todo'].includes(test.status);

/** A file that fails outside its tests: it does not load, or its beforeAll throws. */
const failsAsAWhole = (file) =>
  file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed');

/** What went wrong with a lane that no failed test tells. */
function problemsOf({ name, exitCode, report }, failedInLane) {
  if (report === undefined) return [`${name}: vitest ended with code ${exitCode} and without a report`];
  if (report.numTotalTests === 0 && failedInLane === 0) return [`${name}: no test was collected`];
  if (exitCode !== 0 && failedInLane === 0)
    return [`${name}: vitest ended with code ${exitCode} though no test failed`];
  return [];
}

/**
 * Sums the lanes. A file that fails as a whole, a lane that crashed or collected nothing, and, when skips are
 * forbidden, every skipped test count as one failure each.
 *
 * @param {Lane[]} lanes
 * @param {{ forbidSkips: boolean }} options
 * @returns {{ passed: number, failed: number, skipped: number, failures: string[], skips: string[] }}
 */
export function sumLanes(lanes, { forbidSkips }) {
  const sum = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
  for (const lane of lanes) {
    const files = lane.report?.testResults ?? [];
    const tests = files.flatMap((file) => file.assertionResults);
    const skipped = tests.filter(isSkipped);
    const failures = [
      ...tests.filter((test) => test.status === 'failed').map((test) => `${lane.name}: ${test.fullName}`),
      ...files.filter(failsAsAWhole).map((file) => `${lane.name}: ${file.name}: ${file.message || 'fails as a whole'}`),
    ];
    failures.push(...problemsOf(lane, failures.length));
    sum.passed += tests.filter((test) => test.status === 'passed').length;
    sum.skips.push(...skipped.map((test) => `${lane.name}: ${test.fullName}: ${test.meta?.skipReason ?? NO_REASON}`));
    sum.failures.push(...failures);
  }
  if (forbidSkips)
    sum.failures.push(...sum.skips.splice(0).map((skip) => `${skip} (skipped, which is not allowed here)`));
  sum.failed = sum.failures.length;
  sum.skipped = sum.skips.length;
  return sum;
}

/** The last line of the whole run. */
export const formatSum = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
