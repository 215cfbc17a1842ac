import { expect, test } from 'vitest';
import { describeEjection } from '../../../src/report/ejection-text.ts';

const ejection = { sandbox: 'docker:web', tool: 'probe', versions: [1, 2] };
const gone = { directory: '/opt/a', kind: 'placement', outcome: 'removed', reason: null };

test('eject says what was removed, what was gone, and what stays and why', () => {
  const directories = [
    gone,
    { ...gone, directory: '/opt/b', outcome: 'absent' },
    { ...gone, directory: '/opt/c', kind: 'replaced' },
    {
      ...gone,
      directory: '/opt/d',
      kind: 'leftover',
      outcome: 'left',
      reason: `the sandbox has no rm${' x'.repeat(40)}`,
    },
  ];
  const text = describeEjection({ ...ejection, directories });
  expect(text.split('\n').slice(0, 5)).toEqual([
    'removed  /opt/a',
    'absent   /opt/b',
    'removed  /opt/c (another one took its place, and it was not used any more)',
    'left     /opt/d (an unfinished injection or an earlier eject left it)',
    `         the sandbox has no rm${' x'.repeat(25)}`,
  ]);
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

test('eject says that nothing is known to be there', () => {
  expect(describeEjection({ ...ejection, directories: [] })).toBe(
    'nothing of probe v1, v2 is known to be in docker:web\n',
  );
  expect(describeEjection({ ...ejection, versions: null, directories: [] })).toBe(
    'nothing of probe is known to be in docker:web\n',
  );
});
