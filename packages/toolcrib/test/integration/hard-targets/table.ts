import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { REPOSITORY } from '../build/samples.ts';
import type { Outcome } from './outcome.ts';

const FILE = join(REPOSITORY, 'docs/hard-targets.md');
const BEGIN = '<!-- table: written by the test that ran it -->';
const END = '<!-- end of the table -->';

/** The document as it is. */
export function readDocument(): Promise<string> {
  return readFile(FILE, 'utf8');
}

/** The document as it has to be, with what came of every target. */
export async function documentWith(outcomes: readonly Outcome[], document: string): Promise<string> {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${FILE} has no place for the table between ${BEGIN} and ${END}`);
  const text = [document.slice(0, begin + BEGIN.length), tableOf(outcomes), document.slice(end)].join('\n\n');
  return await format(text, { ...(await resolveConfig(FILE)), parser: 'markdown' });
}

export async function writeDocument(text: string): Promise<void> {
  await writeFile(FILE, text);
}

function tableOf(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ name, content, method, protection, result }) => [
    name,
    content,
    method,
    protection,
    result,
  ]);
  const header = ['target', 'what is injected', 'method', 'protection', 'result'];
  const lines = [header, header.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n');
}
