import { expect, test } from 'vitest';
import { describeValidation, type ValidationFacts } from '../../../src/report/validation-text.ts';

const line = { target: 'amd64-any', user: 'root', rung: null, protection: null, hint: null };
const facts: ValidationFacts = {
  tool: 'demo',
  version: 3,
  dev: false,
  engine: 'unix:///run/engine.sock',
  results: [
    { ...line, image: 'debian:12', outcome: 'passed', rung: 'archive', protection: 'same-user', reason: 'fine' },
    { ...line, image: 'tiny', outcome: 'failed', reason: 'nothing can be injected:\n  archive: no', hint: 'do that' },
    {
      ...line,
      image: 'tiny',
      user: '1000',
      outcome: 'failed',
      reason: 'nothing can be injected:\n  archive: no',
      hint: 'do that',
    },
    { ...line, image: 'gone\u001b[31m', target: null, user: null, outcome: 'failed', reason: 'no image' },
    { ...line, image: 'debian:12', target: 'arm64', user: null, outcome: 'unfit', reason: 'it is for arm64' },
  ],
};

test('a validation is a table of what was tried, and every reason once', () => {
  expect(describeValidation(facts)).toBe(`IMAGE         TARGET     USER  RESULT  BY       PROTECTION
debian:12     amd64-any  root  passed  archive  same-user
tiny          amd64-any  root  failed  -        -
tiny          amd64-any  1000  failed  -        -
gone\\x1b[31m  -          -     failed  -        -
failed: tiny amd64-any as root, tiny amd64-any as 1000
  nothing can be injected:
  archive: no
  hint: do that
failed: gone\\x1b[31m
  no image
not tried: debian:12 arm64
  it is for arm64
demo v3 at unix:///run/engine.sock: 1 passed, 3 failed
`);
});

test('a validation of local builds names them as such', () => {
  const text = describeValidation({ ...facts, dev: true });
  expect(text).toContain('\ndemo v3-dev at unix:///run/engine.sock: 1 passed, 3 failed\n');
  expect(text).toMatch(/\nthe artifacts are local builds that no pin vouches for\n$/);
});

test('a validation in which nothing was tried says so', () => {
  const results = facts.results.filter(({ outcome }) => outcome === 'unfit');
  expect(describeValidation({ ...facts, results })).toContain('nothing was validated');
});

test('on a terminal the name of an image is told in full, and no line is wider', () => {
  const image = `images.example/${'team/'.repeat(20)}image@sha256:${'0'.repeat(64)}`;
  const results = facts.results.map((result) => (result.outcome === 'passed' ? { ...result, image } : result));
  const text = describeValidation({ ...facts, results }, { width: 80 });
  expect(text.replaceAll('\n', '')).toContain(image);
  expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
});
