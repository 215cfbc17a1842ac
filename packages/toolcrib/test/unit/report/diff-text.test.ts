import { describe, expect, test } from 'vitest';
import { describeDiff, isDifferent } from '../../../src/report/diff-text.ts';
import { capabilityDiff } from '../../../src/run/diff/capability-diff.ts';
import { verifyArchive } from '../../../src/run/archive/verify.ts';
import { archiveBytes } from '../../../src/run/archive/write.ts';
import { fullSample, sampleMembers, type SampleParts } from '../run/archive/sample-archive.ts';

async function sideOf(parts: SampleParts) {
  const { reports, summary } = await verifyArchive(archiveBytes(sampleMembers(parts)));
  return { runId: summary.runId ?? '', ...reports };
}

describe('the difference of two runs', () => {
  test('is nothing between a run and itself', async () => {
    const side = await sideOf(fullSample);
    const diff = capabilityDiff(side, side);
    expect(isDifferent(diff)).toBe(false);
    expect(describeDiff(diff)).toContain('files: 0 gone, 0 new, 2 in both\n');
  });

  test('names what is gone, what is new and what was decided otherwise, within 80 printable columns', async () => {
    const before = await sideOf(fullSample);
    const after = await sideOf({
      ...fullSample,
      runId: 'run_002',
      kernel: [{ type: 1, kind: 'openat', value: `/\u001b[2J${'x'.repeat(200)}` }],
      decisions: [{ id: 'call_1', tool: 'read_file', decision: 'deny' }],
    });
    const diff = capabilityDiff(before, after);
    const text = describeDiff(diff);
    expect(isDifferent(diff)).toBe(true);
    expect(text).toContain('first   run_001\nsecond  run_002\nstatus  clean: both runs were watched without loss');
    expect(text).toContain('  - /etc/shadow\n');
    expect(text).toContain(String.raw`  + /\x1b[2Jxxx`);
    expect(text).toContain('decided otherwise\n  ~ call_1: allow, then deny\n');
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test.each([
    ['each of both runs', {}, {}],
    ['the first run', {}, fullSample],
    ['the second run', fullSample, {}],
  ])('names %s as what lacks a layer', async (which, base, head) => {
    const diff = capabilityDiff(
      await sideOf({ ...base, runId: 'run_001' }),
      await sideOf({ ...head, runId: 'run_001' }),
    );
    expect(describeDiff(diff).replaceAll(/\s+/g, ' ')).toContain(`partial:health: ${which} lacks a layer`);
  });

  test('of very different runs is capped, and the rest is counted', async () => {
    const kernel = Array.from({ length: 100 }, (_, index) => ({ type: 1, kind: 'openat', value: `/${index}` }));
    const text = describeDiff(capabilityDiff(await sideOf({}), await sideOf({ ...fullSample, kernel })));
    expect(text).toContain('  + ... and 60 more\n');
  });
});
