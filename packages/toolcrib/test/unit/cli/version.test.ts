import { expect, test } from 'vitest';
import { isSupported } from '../../../src/cli/version.ts';

test.each([
  ['20.20.2', false],
  ['22.9.0', false],
  ['22.22.1', false],
  ['22.22.2', true],
  ['24.15.0', true],
  ['26.0.0', true],
])('Node %s is supported: %s', (version, expected) => {
  expect(isSupported(version)).toBe(expected);
});
