import fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeFailedTrail, describeTrail } from '../../../src/report/trail-text.ts';

const trail = [
  { tier: 'bundled', where: '/p/binaries/x', outcome: 'missing', reason: 'there is no such file', size: null, ms: 0 },
  { tier: 'cache', where: '/c', outcome: 'skipped', reason: 'it is not asked', size: null, ms: null },
  { tier: 'store', where: 'https://m.example/x', outcome: 'refused', reason: 'it is another', size: 2048, ms: 12 },
];

const found = {
  name: 'x',
  dev: false,
  path: '/c/blobs/x',
  digest: `sha256:${'a'.repeat(64)}`,
  size: 10,
  tier: 'store',
  install: null,
  attestation: null,
  trail,
};

test('a trail has a step for each place, with what was learned of it', () => {
  expect(describeTrail(found).split('\n').slice(4)).toEqual([
    '1. bundled: missing (0 ms)',
    '    /p/binaries/x: there is no such file',
    '2. cache: skipped',
    '    /c: it is not asked',
    '3. store: refused (2.0 kB, 12 ms)',
    '    https://m.example/x: it is another',
    '',
  ]);
});

test('a local build is named as such', () => {
  const [line] = describeTrail({ ...found, name: 'x-dev', dev: true, tier: 'bundled' }).split('\n');
  expect(line).toBe('x-dev from the tier "bundled", a local build that no pin vouches for');
  expect(describeTrail(found)).not.toContain('local build');
});

test('the trail of a failure is the text of the trail of a success', () => {
  expect(describeTrail(found)).toContain(`\n\n${describeFailedTrail({ trail }).join('\n')}\n`);
});

test('a failure of something else has none, and whatever stands in its place breaks nothing', () => {
  expect(describeFailedTrail({ url: 'https://m.example' })).toEqual([]);
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), (steps) => {
      expect(describeFailedTrail({ trail: steps })).toHaveLength(steps.length);
    }),
  );
});
