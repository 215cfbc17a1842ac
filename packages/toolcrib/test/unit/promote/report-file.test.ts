import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatReportFile, parseReportFile, REPORT_SCHEMA, type ReportFile } from '../../../src/promote/report-file.ts';
import { failureOf } from '../core/failure.ts';

const REPORT: ReportFile = {
  ...{ schema: REPORT_SCHEMA, state: 'built', version: 2, passed: false, news: true, problem: null },
  check: {
    verdict: 'failed',
    rules: [{ rule: 'sums', store: null, outcome: 'failed', message: 'no pins', todo: 'bring them' }],
    build: { needed: true, reason: 'sources changed' },
  },
};

const text = fc.string({ unit: 'binary' });
const rule = fc.record({
  rule: text,
  store: fc.option(text),
  outcome: fc.constantFrom('ok', 'failed', 'skipped'),
  message: text,
  todo: fc.option(text),
});
const check = fc.record({
  verdict: fc.constantFrom('ok', 'failed'),
  rules: fc.array(rule, { maxLength: 4 }),
  build: fc.record({ needed: fc.boolean(), reason: text }),
});
const report = fc.record({
  schema: fc.constant(REPORT_SCHEMA),
  state: fc.constantFrom('none', 'built', 'failed'),
  version: fc.option(fc.integer({ min: 1 })),
  passed: fc.boolean(),
  news: fc.boolean(),
  check: fc.option(check),
  problem: fc.option(text),
});

describe('the report of a build', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(report, (given) => {
        expect(parseReportFile(formatReportFile(given), 'x.json')).toEqual(given);
      }),
    );
  });

  test.each<readonly [string, unknown]>([
    ['of another schema', { ...REPORT, schema: 'toolcrib.build-report.v2' }],
    ['with a state that there is not', { ...REPORT, state: 'fine' }],
    ['with a text for a version', { ...REPORT, version: '[2](https://evil.example)' }],
    ['with something more', { ...REPORT, run: { id: 1, url: 'https://evil.example' } }],
    ['with a link for a log', { ...REPORT, failed: [{ name: 'x', url: 'https://evil.example' }] }],
    ['with less', { ...REPORT, news: undefined }],
    ['that is a list', [REPORT]],
    ['that is nothing', null],
  ])('%s is refused by the name of its file', (_, given) => {
    const failure = failureOf(() => parseReportFile(JSON.stringify(given), 'x.json'));
    expect(failure).toMatchObject({ code: 'MALFORMED', message: expect.stringContaining('x.json') as unknown });
  });

  test('that is no JSON is refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (given) => {
        expect(failureOf(() => parseReportFile(given, 'x.json')).code).toBe('MALFORMED');
      }),
    );
  });
});
