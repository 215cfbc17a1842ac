import { printable } from '../core/printable.ts';
import type { Notice, Progress, Reporter } from '../core/reporter.ts';
import { toldText, type Listener } from './told-text.ts';

interface Terminal {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface TerminalReporterOptions extends Listener {
  readonly quiet: boolean;
  /** False: no bar, whatever the terminal is. */
  readonly bars: boolean;
}

/** Tells notices on stderr, and shows a bar where a person looks at a terminal. */
export function createTerminalReporter(
  streams: { readonly stderr: Terminal },
  options: TerminalReporterOptions,
): Reporter {
  const bars = options.bars && !options.quiet;
  return {
    notice(notice) {
      if (!options.quiet || notice.kind === 'warning') streams.stderr.write(noticeText(notice, options));
    },
    progress: (label, total) =>
      bars && streams.stderr.isTTY === true
        ? showBar(streams.stderr, printable(label), total)
        : { advance: () => undefined, end: () => undefined },
  };
}

function noticeText(notice: Notice, listener: Listener): string {
  const text = toldText(notice.text, listener);
  if (notice.kind === 'step') return `${text}\n`;
  return `warning: ${text}\n${notice.hint === undefined ? '' : `  hint: ${toldText(notice.hint, listener)}\n`}`;
}

const REDRAW_MS = 100;

/** One line that is drawn over itself; wiped at the end, so that a finished transfer leaves no trace. */
function showBar(terminal: Terminal, label: string, total: number | undefined): Progress {
  let done = 0;
  let drawn = 0;
  const wipe = (): void => void terminal.write('\r\u001b[2K');
  return {
    advance(bytes) {
      done += bytes;
      const now = performance.now();
      if (now - drawn < REDRAW_MS) return;
      drawn = now;
      wipe();
      terminal.write(formatBar(label, done, total, terminal.columns ?? 80));
    },
    end: wipe,
  };
}

/** e.g. `sandbox-tools-amd64-any-v2  [=========>          ]  46 %  23.1 MB`, at most `columns - 1` wide. */
export function formatBar(label: string, done: number, total: number | undefined, columns: number): string {
  const megabytes = `${(done / 1e6).toFixed(1)} MB`;
  if (total === undefined || total === 0) return `${label}  ${megabytes}`.slice(0, columns - 1);
  const share = Math.min(done / total, 1);
  // As wide at the beginning as at the end, so that the bar never steps back.
  const percent = String(Math.floor(share * 100)).padStart(3);
  const figures = `${percent} %  ${megabytes.padStart(`${(total / 1e6).toFixed(1)} MB`.length)}`;
  const width = Math.min(24, columns - label.length - figures.length - 8);
  if (width < 4) return `${label}  ${figures}`.slice(0, columns - 1);
  const filled = Math.round(share * width);
  const bar = `${'='.repeat(filled)}${filled < width ? '>' : ''}`.slice(0, width).padEnd(width);
  return `${label}  [${bar}]  ${figures}`;
}
