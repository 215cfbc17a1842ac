import { expect, test } from 'vitest';
import { silentReporter } from '../../../src/core/reporter.ts';

test('a silent reporter takes everything and says nothing', () => {
  expect(() => {
    silentReporter.notice({ kind: 'step', text: 'x' });
    const progress = silentReporter.progress('x', undefined);
    progress.advance(1);
    progress.end();
  }).not.toThrow();
});
