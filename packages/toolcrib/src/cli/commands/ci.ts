import { CHECK_FAILED } from '../exit-codes.ts';
import type { Registration } from '../program-options.ts';

/** What the workflows of `init --github` call besides the other commands. */
export function registerCi(registration: Registration): void {
  const ci = registration.program.command('ci').description('steps of the workflows that init --github writes');
  registerValidate({ ...registration, program: ci });
  registerSums({ ...registration, program: ci });
  registerReport({ ...registration, program: ci });
  registerComment({ ...registration, program: ci });
}

function registerValidate({ program, action }: Registration): void {
  program
    .command('validate')
    .description('place a freshly built artifact in an empty folder and prove that it runs')
    .requiredOption('--target <target>', 'which one, e.g. amd64-any')
    .action(
      action(async (session, options: { target: string }) => {
        const { validateArtifact } = await import('../../flows/validate-artifact.ts');
        const validation = await validateArtifact(await session.project(), session.host, options);
        const { name, ran, reason } = validation;
        const text = ran
          ? `${name} runs and says that it is that version`
          : `${name} was examined, not run: ${reason ?? ''}`;
        session.output.result(validation, text);
        return 0;
      }),
    );
}

function registerSums({ program, action }: Registration): void {
  program
    .command('sums')
    .description('compute the sums of all artifacts of the binaries folder, as a file and as a patch')
    .option('--output <dir>', 'where they go (default: tool-support-sums)')
    .action(
      action(async (session, options: { output?: string }) => {
        const { collectSums } = await import('../../flows/collect-sums.ts');
        const collected = await collectSums(await session.project(), session.host, options);
        session.output.result(collected, `wrote ${collected.sumsFile}\nwrote ${collected.patchFile}`);
        return 0;
      }),
    );
}

function registerReport({ program, action }: Registration): void {
  program
    .command('report')
    .description('tell in its summary how the build workflow ended; exit 9 when it failed')
    .option('--output <file>', 'also write it for the job that comments')
    .action(
      action(async (session, options: { output?: string }) => {
        const { reportBuild } = await import('../../flows/report-build.ts');
        const report = await reportBuild(await session.checkedOutProject(), session.host, options);
        const { passed, state } = report;
        session.output.result(report, `${passed ? 'passed' : 'failed'}: build ${state}`);
        return passed ? 0 : CHECK_FAILED;
      }),
    );
}

function registerComment({ program, action }: Registration): void {
  program
    .command('comment')
    .description('keep one comment on the pull request, of what another job reported')
    .requiredOption('--report <file>', 'what "ci report --output" wrote; it is not trusted')
    .action(
      action(async (session, options: { report: string }) => {
        const { commentBuild } = await import('../../flows/comment-build.ts');
        const comment = await commentBuild(await session.project(), session.host, options);
        session.output.result(comment, `comment ${comment.kind}`);
        return 0;
      }),
    );
}
