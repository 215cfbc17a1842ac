import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { REPOSITORY } from '../../build/samples.ts';

const FILE = join(REPOSITORY, 'docs/ground-truth.md');
const BEGIN = '<!-- table: written by the test that ran it -->';
const END = '<!-- end of the table -->';

/** What came of a workload, in words. */
export interface TableRow {
  readonly name: string;
  readonly tries: string;
  readonly ptrace: string;
  readonly ebpf: string;
}

/** The document as it is. */
export function readDocument(): Promise<string> {
  return readFile(FILE, 'utf8');
}

/** The document as it has to be. */
export async function documentWith(rows: readonly TableRow[], document: string): Promise<string> {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${FILE} has no place for the table between ${BEGIN} and ${END}`);
  const text = [document.slice(0, begin + BEGIN.length), tableOf(rows), document.slice(end)].join('\n\n');
  return await format(text, { ...(await resolveConfig(FILE)), parser: 'markdown' });
}

export async function writeDocument(text: string): Promise<void> {
  await writeFile(FILE, text);
}

function tableOf(rows: readonly TableRow[]): string {
  const header = ['workload', 'what it tries', 'strace', 'kernel tracer'];
  const cells = rows.map(({ name, tries, ptrace, ebpf }) => [name, tries, ptrace, ebpf]);
  const lines = [header, header.map(() => '---'), ...cells];
  return lines.map((line) => `| ${line.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}
