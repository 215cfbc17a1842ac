import type { MergeCheck } from '../../flows/check-merge.ts';
import { CHECK_FAILED } from '../exit-codes.ts';
import type { Registration } from '../program-options.ts';
import type { Session } from '../session.ts';

interface CheckOptions {
  readonly base?: string;
  readonly fix?: boolean;
  readonly withCredentials?: boolean;
}

export function registerCheck({ program, action }: Registration): void {
  program
    .command('check')
    .description('the merge gate: version, sums and stores of a change; exit 9 when it may not be merged')
    .option('--base <ref>', 'what it goes into (default: origin/$GITHUB_BASE_REF, else the configured branch)')
    .option('--with-credentials', "ask stores that the base's toolcrib.json names too with your credentials")
    .option('--fix', 'write the required version, and the sums where they are known; then check again')
    .action(
      action(async (session, options: CheckOptions) => {
        const { checkMerge } = await import('../../flows/check-merge.ts');
        const check = await checkMerge(await session.checkedOutProject(), session.host, options);
        await tell(session, check);
        return check.verdict === 'ok' ? 0 : CHECK_FAILED;
      }),
    );
}

async function tell({ host, output }: Session, check: MergeCheck): Promise<void> {
  const { annotateCheck, describeCheck, summarizeCheck } = await import('../../report/check-text.ts');
  const { withoutCommands } = await import('../../report/github-actions.ts');
  const { appendStepSummary, isGithubActions, setStepOutputs } = await import('../../flows/github-files.ts');
  output.report(check, withoutCommands(describeCheck(check)), check.verdict === 'ok');
  if (!isGithubActions(host)) return;
  // The runner reads commands from stderr as well: stdout stays data.
  for (const annotation of annotateCheck(check)) output.command(annotation);
  await appendStepSummary(host, summarizeCheck(check));
  const { version, changed, build, builtCommit } = outputsOf(check);
  await setStepOutputs(host, { version, changed, build, reason: check.build.reason, 'built-commit': builtCommit });
}

/** What later jobs ask: docs/guides/merge-gate.md. */
function outputsOf({
  head,
  requiredVersion,
  changed,
  build,
}: MergeCheck): Record<'version' | 'changed' | 'build' | 'builtCommit', string> {
  return {
    version: String(head.version ?? requiredVersion),
    changed: String(changed),
    build: String(build.needed),
    builtCommit: build.builtCommit ?? '',
  };
}
