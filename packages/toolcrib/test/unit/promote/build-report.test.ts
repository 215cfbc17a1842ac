import { describe, expect, test } from 'vitest';
import { buildStateOf, failedJobs, parseNeeds, type JobResult } from '../../../src/promote/build-report.ts';
import { describeBuildReport, type BuildReportFacts } from '../../../src/report/build-report-text.ts';
import { failureOf } from '../core/failure.ts';

const needs = (detect: JobResult, build: JobResult, sums: JobResult) => ({ detect, build, sums });

describe('a build', () => {
  test.each([
    ['success', 'success', 'success', 'built'],
    ['success', 'skipped', 'skipped', 'none'],
    ['success', 'failure', 'skipped', 'failed'],
    ['success', 'success', 'failure', 'failed'],
    ['success', 'cancelled', 'skipped', 'failed'],
    ['failure', 'skipped', 'skipped', 'failed'],
    ['cancelled', 'skipped', 'skipped', 'failed'],
  ] as const)('whose jobs ended with %s, %s and %s is %s', (detect, build, sums, state) => {
    expect(buildStateOf(needs(detect, build, sums))).toBe(state);
  });

  test('is told by what GitHub says of the jobs, and by nothing else', () => {
    const text = JSON.stringify({
      detect: { result: 'success', outputs: { version: '2' } },
      build: { result: 'skipped', outputs: {} },
      sums: { result: 'skipped', outputs: {} },
    });
    expect(parseNeeds(text)).toEqual(needs('success', 'skipped', 'skipped'));
    for (const wrong of ['', '{}', '{"detect":{"result":"fine"}}', 'null']) {
      expect(failureOf(() => parseNeeds(wrong)).hint).toContain('toJSON(needs)');
    }
  });

  test('names the jobs that failed, but not those that tell of it', () => {
    const job = (name: string, conclusion: string | null) => ({ name, conclusion, url: undefined });
    const jobs = [
      job('Build amd64-any', 'success'),
      job('Build arm64-any', 'failure'),
      job('Tool support', 'failure'),
      job('Comment on the pull request', 'cancelled'),
    ];
    expect(failedJobs(jobs).map(({ name }) => name)).toEqual(['Build arm64-any']);
  });
});

describe('the comment', () => {
  const facts: BuildReportFacts = {
    tool: 'demo',
    version: 2,
    state: 'built',
    run: { id: 100, url: 'https://github.com/o/r/actions/runs/100' },
    failed: [],
    check: null,
    problem: null,
    passed: false,
  };

  test('links the artifacts, says that they are not attested, and how the sums get into the pull request', () => {
    const text = describeBuildReport(facts);
    expect(text).toContain('(https://github.com/o/r/actions/runs/100#artifacts)');
    expect(text).toContain('**not attested**');
    expect(text).toContain('`toolcrib fetch --run 100 --sums`');
  });

  test('names the architecture that failed, with a link to its log', () => {
    const failed = [{ name: 'Build arm64-any', url: 'https://github.com/o/r/actions/runs/100/job/2' }];
    const text = describeBuildReport({ ...facts, state: 'failed', failed });
    expect(text).toContain('**Build arm64&#45;any** failed: [log](https://github.com/o/r/actions/runs/100/job/2)');
    expect(text).not.toContain('not attested');
  });

  test('makes no markup of what a pull request calls its things', () => {
    const problem = 'a <img src=x> [link](https://evil.example) @everybody\n# title';
    const rule = { rule: problem, store: problem, outcome: 'failed', message: problem, todo: problem } as const;
    const check = { tool: 'demo', verdict: 'failed', rules: [rule], build: { needed: true, reason: problem } } as const;
    for (const text of [describeBuildReport({ ...facts, problem }), describeBuildReport({ ...facts, check })]) {
      expect(text).not.toMatch(/<img|\]\(https:\/\/evil|@everybody|\n# title/);
      expect(text.replaceAll('&#64;', '@')).not.toContain('@everybody');
    }
  });
});
