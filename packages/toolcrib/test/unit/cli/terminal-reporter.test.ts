import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printableLines } from '../../../src/core/printable.ts';
import { createTerminalReporter, formatBar } from '../../../src/cli/terminal-reporter.ts';

function terminal(isTTY: boolean) {
  const written: string[] = [];
  return { written, isTTY, columns: 80, write: (text: string) => written.push(text) };
}

describe('a progress bar', () => {
  test('shows name, share and megabytes', () => {
    expect(formatBar('sandbox-tools-amd64-any-v2', 23_100_000, 50_000_000, 80)).toBe(
      'sandbox-tools-amd64-any-v2  [===========>            ]   46 %  23.1 MB',
    );
  });

  test('without a known total shows what has come', () => {
    expect(formatBar('x', 1_500_000, undefined, 80)).toBe('x  1.5 MB');
  });

  test('is never as wide as the terminal, never empty, and never shows more than 100 %', () => {
    const amount = fc.nat({ max: 10 ** 12 });
    const total = fc.option(amount, { nil: undefined });
    const columns = fc.integer({ min: 2, max: 300 });
    fc.assert(
      fc.property(fc.string({ maxLength: 120 }), amount, total, columns, (label, done, all, width) => {
        const bar = formatBar(label, done, all, width);
        expect(bar.length).toBeLessThan(width);
        expect(bar.length).toBeGreaterThan(0);
        const share = /(\d+) %/.exec(bar.slice(label.length));
        expect(Number(share?.[1] ?? 0)).toBeLessThanOrEqual(100);
      }),
    );
  });

  test('grows with what is done, at any width', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1000 }), fc.nat({ max: 1000 }), fc.integer({ min: 40, max: 200 }), (a, b, columns) => {
        const filled = (done: number) => formatBar('x', done, 1000, columns).split('=').length;
        expect(filled(Math.min(a, b))).toBeLessThanOrEqual(filled(Math.max(a, b)));
      }),
      { examples: Array.from({ length: 20 }, (_, index) => [99, 100, 30 + index]), numRuns: 1000 },
    );
  });

  test('is drawn over itself and leaves no trace', () => {
    const screen = terminal(true);
    const progress = createTerminalReporter({ stderr: screen }, { quiet: false, bars: true }).progress('x', 100);
    progress.advance(50);
    expect(screen.written.join('')).toContain('50 %');
    progress.end();
    expect(screen.written.at(-1)).toBe('\r\u001b[2K');
  });

  test.each([
    ['without a terminal', false, { quiet: false, bars: true }],
    ['with --no-progress', true, { quiet: false, bars: false }],
    ['with --quiet', true, { quiet: true, bars: true }],
  ])('%s is not drawn at all', (_, isTTY, options) => {
    const screen = terminal(isTTY);
    const progress = createTerminalReporter({ stderr: screen }, options).progress('x', 100);
    progress.advance(50);
    progress.end();
    expect(screen.written).toEqual([]);
  });
});

describe('notices', () => {
  const step = { kind: 'step', text: 'building' } as const;
  const warning = { kind: 'warning', text: 'careful', hint: 'look' } as const;

  test('are told one a line, warnings with their hint', () => {
    const screen = terminal(false);
    const reporter = createTerminalReporter({ stderr: screen }, { quiet: false, bars: true });
    reporter.notice(step);
    reporter.notice(warning);
    expect(screen.written.join('')).toBe('building\nwarning: careful\n  hint: look\n');
  });

  test('with words of strangers do nothing to a terminal or to a runner of GitHub Actions', () => {
    const hostile = '::error::a\u001b[2J\n::error::b\u009b1m\u202e##[error]';
    const screen = terminal(false);
    const reporter = createTerminalReporter({ stderr: screen }, { quiet: false, bars: false, onRunner: true });
    reporter.notice({ kind: 'step', text: hostile });
    reporter.notice({ kind: 'warning', text: hostile, hint: hostile });
    const told = screen.written.join('');
    expect(told).not.toMatch(/^\s*::|##\[/m);
    expect(told).toBe(printableLines(told));
    expect(told.match(/error::/g)).toHaveLength(6);
  });

  test('with --quiet are warnings only', () => {
    const screen = terminal(false);
    const reporter = createTerminalReporter({ stderr: screen }, { quiet: true, bars: true });
    reporter.notice(step);
    reporter.notice(warning);
    expect(screen.written.join('')).toBe('warning: careful\n  hint: look\n');
  });
});
