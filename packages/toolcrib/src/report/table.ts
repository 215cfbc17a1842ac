import { printable } from '../core/printable.ts';
import { truncate } from './width.ts';

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly align?: 'left' | 'right';
  /** The one column that gives way when the table is too wide; without one, the last. */
  readonly shrink?: boolean;
}

/** How wide a table may be. */
export interface TableOptions {
  /** In characters; as wide as it needs to be when absent, as for a pipe. */
  readonly width?: number;
}

const GAP = '  ';
const LEAST_WIDTH = 8;

/**
 * Rows under a line of titles, columns aligned, every line ended by a newline and without blanks at its end. Cells are
 * made printable. No rows: the titles alone.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const cells = [columns.map((column) => column.title), ...rows].map((row) =>
    columns.map((_, index) => printable(row[index] ?? '')),
  );
  const widths = fitted(columns, naturalWidths(columns, cells), options.width);
  return cells.map((row) => `${formatRow(columns, row, widths)}\n`).join('');
}

function naturalWidths(columns: readonly Column[], cells: readonly (readonly string[])[]): readonly number[] {
  return columns.map((_, index) => cells.reduce((most, row) => Math.max(most, row[index]?.length ?? 0), 0));
}

function fitted(columns: readonly Column[], widths: readonly number[], limit: number | undefined): readonly number[] {
  const total = widths.reduce((sum, width) => sum + width, GAP.length * (columns.length - 1));
  if (limit === undefined || total <= limit) return widths;
  const marked = columns.findIndex((column) => column.shrink === true);
  const giving = marked < 0 ? columns.length - 1 : marked;
  return widths.map((width, index) =>
    index === giving ? Math.min(width, Math.max(LEAST_WIDTH, width - (total - limit))) : width,
  );
}

function formatRow(columns: readonly Column[], row: readonly string[], widths: readonly number[]): string {
  return columns
    .map((column, index) => {
      const width = widths[index] ?? 0;
      const cell = truncate(row[index] ?? '', width);
      return column.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
    })
    .join(GAP)
    .trimEnd();
}
