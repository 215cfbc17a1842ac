import { Option } from 'commander';
import { CHECK_FAILED } from '../exit-codes.ts';
import { collect, parseJobs, type Registration } from '../program-options.ts';
import { standardStreams } from '../standard-streams.ts';

interface ValidateOptions {
  readonly image?: readonly string[];
  readonly target?: readonly string[];
  readonly engine?: 'docker' | 'podman';
  readonly jobs?: number;
}

const ENGINES = ['docker', 'podman'];

export function registerValidate({ program, action }: Registration): void {
  program
    .command('validate')
    .description('inject and health-check every artifact in a matrix of images; exit 9 when one fails')
    .option(
      '--image <image>',
      'an image of the engine (default: "images" of toolcrib.json); may be given again',
      collect,
    )
    .option('--target <target>', 'only this target; may be given again', collect)
    .addOption(
      new Option('--engine <engine>', 'who makes the containers: docker or podman (default: docker)').choices(ENGINES),
    )
    .option('--jobs <number>', 'so many containers at once, at most (default: 4)', parseJobs)
    .action(
      action(async (session, { image = [], target = [], engine, jobs }: ValidateOptions) => {
        const { validateTool } = await import('../../flows/validate-tool.ts');
        const { describeValidation } = await import('../../report/validation-text.ts');
        const options = {
          images: image,
          targets: target,
          ...(engine !== undefined && { engine }),
          ...(jobs !== undefined && { jobs }),
        };
        const dialogue = await session.dialogue();
        const validation = await validateTool(await session.project(), session.host, { ...options, dialogue });
        const wentWell = validation.verdict === 'ok';
        const text = describeValidation(validation, { width: standardStreams.stdout.columns });
        session.output.report(validation, text, wentWell);
        return wentWell ? 0 : CHECK_FAILED;
      }),
    );
}
