import { resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { readSmallText } from '../disk/small-file.ts';
import { keepComment, type CommentOutcome } from '../github/comments.ts';
import { MAX_REPORT_BYTES, parseReportFile } from '../promote/report-file.ts';
import { commentMarker, describeBuildReport, describeDenied } from '../report/build-report-text.ts';
import { appendStepSummary } from './github-files.ts';
import type { Host } from './host.ts';
import { openProjectRepository } from './open-github.ts';
import { readOwnRun } from './own-run.ts';
import { configOf, type Project } from './project.ts';

/**
 * Keeps one comment on a pull request, of what the reporting job of the build workflow found. That job runs what the pull
 * request checked in, so its report is hostile: it is read with a limit, by its schema, and nothing in it becomes a link,
 * a mention or markup. The checkout that comments is the base's.
 * @param options.report path of what `ci report --output` wrote.
 * @returns `denied` where the token may not comment, as for pull requests of forks: then the step summary says so.
 * @throws IntegrityError `MALFORMED`, `TOO_LARGE`; NotFoundError `NOT_FOUND` without a report; UsageError `USAGE` outside
 * of the workflow; RemoteError.
 */
export async function commentBuild(
  project: Project,
  host: Host,
  options: { readonly report: string },
): Promise<CommentOutcome> {
  const { folder, tool } = configOf(project, 'ci comment');
  const pull = pullOf(host);
  const path = resolve(host.cwd, options.report);
  const text = await readSmallText(path, MAX_REPORT_BYTES, { followLinks: false });
  const { news, check, ...report } = parseReportFile(text, path);
  const repository = await openProjectRepository(host, folder, undefined);
  try {
    const run = await readOwnRun(repository, host);
    const facts = { ...report, tool, run, failed: run.failed, check: check === null ? null : { tool, ...check } };
    const body = describeBuildReport(facts);
    const comment = await keepComment(repository, pull, commentMarker(tool), body, { create: news });
    if (comment.kind === 'denied') await appendStepSummary(host, describeDenied(comment.reason));
    return comment;
  } finally {
    await repository.close();
  }
}

function pullOf({ env }: Host): number {
  const pull = Number(env['TOOLCRIB_PULL_REQUEST']);
  if (Number.isSafeInteger(pull) && pull > 0) return pull;
  throw new UsageError('USAGE', 'TOOLCRIB_PULL_REQUEST is not the number of a pull request', {
    hint: 'the workflow of "toolcrib init --github" sets it',
  });
}
