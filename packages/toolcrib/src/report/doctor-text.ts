import { printable } from '../core/printable.ts';
import { wrap } from './width.ts';

/** What a person is told about a machine: the result of `examineHost` fits it. */
export interface ExaminationFacts {
  readonly findings: readonly {
    readonly group: string;
    readonly subject: string;
    readonly state: 'ok' | 'note' | 'warning' | 'failed';
    readonly text: string;
    readonly remedy: string | null;
  }[];
}

type Line = ExaminationFacts['findings'][number];

const WIDTH = 80;
const INDENT = ' '.repeat(8);

const MARKS: Readonly<Record<Line['state'], string>> = { ok: 'ok', note: '-', warning: 'warn', failed: 'FAIL' };

/** The text of `doctor`: groups of what was looked at, each with what to do about it. */
export function describeExamination({ findings }: ExaminationFacts): string {
  const groups = [...new Set(findings.map(({ group }) => group))];
  const text = groups.map((group) => {
    const lines = findings.filter((line) => line.group === group).flatMap(paragraph);
    return [group, ...lines, ''].join('\n');
  });
  return `${text.join('\n')}\n${summary(findings)}\n`;
}

function paragraph({ subject, state, text, remedy }: Line): readonly string[] {
  const [first = '', ...more] = wrapped(`${subject}: ${text}`);
  const todo = remedy === null ? [] : wrapped(`to do: ${remedy}`);
  return [`  ${MARKS[state].padEnd(INDENT.length - 2)}${first}`, ...[...more, ...todo].map((line) => INDENT + line)];
}

function wrapped(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => wrap(printable(line.trim()), WIDTH - INDENT.length));
}

function summary(findings: readonly Line[]): string {
  const count = (state: Line['state']): number => findings.filter((line) => line.state === state).length;
  const failed = count('failed');
  const warnings = count('warning');
  const warned = warnings === 0 ? '' : `, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`;
  if (failed === 0) return `everything that is configured works${warned}`;
  return `${failed} of what is configured ${failed === 1 ? 'does' : 'do'} not work${warned}`;
}
