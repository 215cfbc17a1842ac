import { expect, test } from 'vitest';
import { describeExamination, type ExaminationFacts } from '../../../src/report/doctor-text.ts';

const findings: ExaminationFacts['findings'] = [
  { group: 'engines', subject: 'docker', state: 'ok', text: 'Docker Engine 20.10 answers', remedy: null },
  { group: 'engines', subject: 'podman', state: 'note', text: 'not there', remedy: 'start it' },
  {
    ...{ group: 'stores', subject: 's3://bucket', state: 'failed' },
    text: 'it did not answer\u001b[31m within 5 s, and this is a sentence that is longer than one line',
    remedy: 'see whether it runs',
  },
  { group: 'stores', subject: 'file:x', state: 'warning', text: 'odd', remedy: null },
];

test('an examination is told in groups, with what to do, in lines of 80 characters', () => {
  expect(describeExamination({ findings })).toBe(`engines
  ok    docker: Docker Engine 20.10 answers
  -     podman: not there
        to do: start it

stores
  FAIL  s3://bucket: it did not answer\\x1b[31m within 5 s, and this is a
        sentence that is longer than one line
        to do: see whether it runs
  warn  file:x: odd

1 of what is configured does not work, 1 warning
`);
});

test('an examination that found nothing wrong says so', () => {
  expect(describeExamination({ findings: findings.slice(0, 2) })).toContain('everything that is configured works\n');
});
