import * as z from 'zod/mini';
import { IntegrityError, messageOf } from '../core/errors.ts';
import '../core/schema-messages.ts';

export const REPORT_SCHEMA = 'toolcrib.build-report.v1';

/** More than a check of many stores says; a comment of GitHub has room for it, escapes included. In bytes. */
export const MAX_REPORT_BYTES = 32 * 1024;

/**
 * What the job that reports hands on to the one that comments. The first runs what the pull request checked in, so that
 * the second must take nothing from here for more than a claim, and no text for Markdown. Whatever it can know by itself
 * (the tool, the run, its jobs) is not in it.
 */
export interface ReportFile {
  readonly schema: typeof REPORT_SCHEMA;
  readonly state: 'none' | 'built' | 'failed';
  /** Null when the version file holds none. */
  readonly version: number | null;
  readonly passed: boolean;
  /** Whether it is worth a comment where there is none yet. */
  readonly news: boolean;
  /** What the merge gate said; null when it could not be asked. */
  readonly check: {
    readonly verdict: 'ok' | 'failed';
    readonly rules: readonly ReportedRule[];
    readonly build: { readonly needed: boolean; readonly reason: string };
  } | null;
  /** Why it could not be asked, or null. */
  readonly problem: string | null;
}

export interface ReportedRule {
  readonly rule: string;
  readonly store: string | null;
  readonly outcome: 'ok' | 'failed' | 'skipped';
  readonly message: string;
  readonly todo: string | null;
}

const ruleSchema = z.strictObject({
  rule: z.string(),
  store: z.nullable(z.string()),
  outcome: z.enum(['ok', 'failed', 'skipped']),
  message: z.string(),
  todo: z.nullable(z.string()),
});

const reportSchema = z.strictObject({
  schema: z.literal(REPORT_SCHEMA),
  state: z.enum(['none', 'built', 'failed']),
  version: z.nullable(z.int().check(z.minimum(1))),
  passed: z.boolean(),
  news: z.boolean(),
  check: z.nullable(
    z.strictObject({
      verdict: z.enum(['ok', 'failed']),
      rules: z.array(ruleSchema),
      build: z.strictObject({ needed: z.boolean(), reason: z.string() }),
    }),
  ),
  problem: z.nullable(z.string()),
});

/** The text of the file. */
export function formatReportFile(report: ReportFile): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

/**
 * Reads a report that nobody vouches for.
 * @param where for messages.
 * @throws IntegrityError `MALFORMED`.
 */
export function parseReportFile(text: string, where: string): ReportFile {
  const report = reportSchema.safeParse(jsonOf(text, where));
  if (report.success) return report.data;
  throw malformed(where, z.prettifyError(report.error));
}

function jsonOf(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(where, messageOf(error));
  }
}

function malformed(where: string, what: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${where} is no report of a build: ${what}`, {
    hint: 'it is what "toolcrib ci report --output" of the same version wrote',
  });
}
