import { resolve } from 'node:path';
import { ToolcribError } from '../core/errors.ts';
import { writeFileAtomically } from '../disk/write-file.ts';
import type { WorkflowJob } from '../github/runs.ts';
import { buildStateOf, parseNeeds, type BuildState } from '../promote/build-report.ts';
import { formatReportFile, REPORT_SCHEMA, type ReportFile } from '../promote/report-file.ts';
import { describeBuildReport } from '../report/build-report-text.ts';
import { checkMerge, type MergeCheck } from './check-merge.ts';
import { appendStepSummary } from './github-files.ts';
import type { Host } from './host.ts';
import { openProjectRepository } from './open-github.ts';
import { readOwnRun } from './own-run.ts';
import { configOf, type Project } from './project.ts';

/** What the reporting job of the build workflow found. */
export interface BuildReport {
  readonly state: BuildState;
  readonly passed: boolean;
  readonly failed: readonly WorkflowJob[];
  readonly check: MergeCheck | null;
}

/**
 * Reports a run of the build workflow, from within it: asks the merge gate again, and tells in the step summary what was
 * built and what is to be done. It needs no right to write.
 * @param options.output path of a file for the job that comments: `promote/report-file.ts`.
 * @returns also when something failed: `passed` is the status that is required.
 * @throws UsageError `USAGE` outside of the workflow; RemoteError `UNREACHABLE` when GitHub cannot be asked, `STORAGE`.
 */
export async function reportBuild(
  project: Project,
  host: Host,
  options: { readonly output?: string } = {},
): Promise<BuildReport> {
  const { folder, tool } = configOf(project, 'ci report');
  const state = buildStateOf(parseNeeds(host.env['TOOLCRIB_NEEDS'] ?? ''));
  const gate = await askGate(project, host);
  const passed = state !== 'failed' && gate.check?.verdict === 'ok';
  const repository = await openProjectRepository(host, folder, undefined);
  try {
    const run = await readOwnRun(repository, host);
    const version = gate.check?.head.version ?? null;
    const { failed } = run;
    await appendStepSummary(host, describeBuildReport({ tool, version, state, run, failed, passed, ...gate }));
    if (options.output !== undefined) {
      const report = reportFileOf(gate, { state, version, passed });
      await writeFileAtomically(resolve(host.cwd, options.output), formatReportFile(report), { signal: host.signal });
    }
    return { state, passed, failed, check: gate.check };
  } finally {
    await repository.close();
  }
}

type Gate = { readonly check: MergeCheck; readonly problem: null } | { readonly check: null; readonly problem: string };

/** In a pull request GitHub says what it goes into: stores that the base names may be private. */
async function askGate(project: Project, host: Host): Promise<Gate> {
  const withCredentials = (host.env['GITHUB_BASE_REF'] ?? '') !== '';
  try {
    return { check: await checkMerge(project, host, { withCredentials }), problem: null };
  } catch (error) {
    host.signal?.throwIfAborted();
    if (!(error instanceof ToolcribError)) throw error;
    return { check: null, problem: error.message };
  }
}

function reportFileOf({ check, problem }: Gate, facts: Pick<ReportFile, 'state' | 'version' | 'passed'>): ReportFile {
  const news = facts.state !== 'none' || check?.changed === true;
  if (check === null) return { schema: REPORT_SCHEMA, ...facts, news, check, problem };
  const { verdict, build } = check;
  const rules = check.rules.map(({ rule, store, outcome, message, todo }) => ({ rule, store, outcome, message, todo }));
  const { needed, reason } = build;
  return { schema: REPORT_SCHEMA, ...facts, news, check: { verdict, rules, build: { needed, reason } }, problem };
}
