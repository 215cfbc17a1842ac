import * as z from 'zod/mini';
import { sweepJson } from '../redaction/secret-sweep.ts';
import type { ArchiveContent } from './content.ts';
import type { Findings } from './findings.ts';

/** Adds a finding where a line or a document is of another run. @param where begins the sentence. */
export function verifyRunId(
  content: ArchiveContent,
  path: string,
  runId: string,
  where: string,
  findings: Findings,
): void {
  const expected = content.manifest?.run_id;
  if (expected === undefined || runId === expected) return;
  const told = `${where} has the run id ${JSON.stringify(runId.slice(0, 100))}`;
  findings.add('run_id', path, `${told}, the manifest has ${JSON.stringify(expected.slice(0, 100))}`);
}

/** Adds a finding where it holds a shape of a secret. */
export function verifyClean(path: string, text: string, parsed: unknown, where: string, findings: Findings): void {
  const rule = sweepJson(text, parsed);
  if (rule !== undefined) findings.add('secret', path, secretText(where, rule));
}

/** The sentence for that. */
export function secretText(where: string, rule: string): string {
  return `${where} holds something shaped like a secret (${rule})`;
}

/** What a schema says, on one line. */
export function problemOf(error: z.core.$ZodError): string {
  return z
    .prettifyError(error)
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, 300);
}
