import { printable } from '../core/printable.ts';
import { truncate, wrap, wrapIndented } from './width.ts';

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly align?: 'left' | 'right';
  /**
   * For what somebody copies, a path or a name, and must not be cut. In a table that is too wide, the last column stands
   * on lines of its own, below the rest of its rows; then a cell of the first that is still too long, above. Without it
   * the last column is cut.
   */
  readonly ownLine?: boolean;
}

/** How wide a table may be. */
export interface TableOptions {
  /** In characters; as wide as it needs to be when absent, as for a pipe. */
  readonly width?: number;
}

const GAP = '  ';
const INDENT = '  ';
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
  const widths = naturalWidths(columns, cells);
  const { width } = options;
  if (width === undefined || totalOf(widths) <= width)
    return cells.map((row) => line(formatRow(columns, row, widths))).join('');
  return cells.map((row) => narrowRow(columns, row, widths, width)).join('');
}

function narrowRow(
  columns: readonly Column[],
  row: readonly string[],
  widths: readonly number[],
  limit: number,
): string {
  const below = columns.at(-1)?.ownLine === true ? 1 : 0;
  const inLine = columns.slice(0, columns.length - below);
  const fitting = fitted(inLine, widths.slice(0, inLine.length), limit);
  const [first = '', ...others] = row.slice(0, inLine.length);
  const isAbove = inLine[0]?.ownLine === true && first.length > (fitting[0] ?? 0);
  return [
    ...(isAbove ? wrap(first, limit) : []),
    formatRow(inLine, [isAbove ? '' : first, ...others], fitting),
    ...row.slice(inLine.length).flatMap((cell) => wrapIndented(cell, limit, INDENT)),
  ]
    .map(line)
    .join('');
}

function line(text: string): string {
  return `${text}\n`;
}

function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1));
}

function naturalWidths(columns: readonly Column[], cells: readonly (readonly string[])[]): readonly number[] {
  return columns.map((_, index) => cells.reduce((most, row) => Math.max(most, row[index]?.length ?? 0), 0));
}

function fitted(columns: readonly Column[], widths: readonly number[], limit: number): readonly number[] {
  const excess = Math.max(0, totalOf(widths) - limit);
  const giving = columns[0]?.ownLine === true ? 0 : columns.length - 1;
  return widths.map((width, index) =>
    index === giving ? Math.min(width, Math.max(LEAST_WIDTH, width - excess)) : width,
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
