import { describe, expect, test } from 'vitest';
import { isForeground } from '../../../src/cli/terminal-group.ts';

const REST = '4194304 100 0 0 0 1 1';

describe('what is typed at the terminal reaches a process', () => {
  test.each([
    ['of the foreground group', `20 (node) S 10 20 10 34816 20 ${REST}`, true],
    ['whose name looks like fields', `20 (a) S 1 2 3 0 4 () R 10 20 10 34816 20 ${REST}`, true],
    ['of a group in the background', `20 (node) S 10 20 10 34816 15 ${REST}`, false],
    ['without a terminal', `20 (node) S 10 20 10 0 -1 ${REST}`, false],
  ])('%s', (_, status, reaches) => {
    expect(isForeground(status)).toBe(reaches);
  });
});
