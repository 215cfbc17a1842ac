import { ToolcribError } from '../../core/errors.ts';
import type { Output } from '../output.ts';
import type { Registration } from '../program-options.ts';

interface ResolveOptions {
  readonly target?: string;
  readonly explain?: boolean;
}

export function registerResolve({ program, action }: Registration): void {
  program
    .command('resolve')
    .description('print the path of the verified artifact')
    .option('--target <target>', 'what it shall run on (default: this machine)')
    .option('--explain', 'tell every tier, used or not, and why')
    .action(
      action(async (session, options: ResolveOptions) => {
        const { resolveArtifact } = await import('../../flows/resolve-artifact.ts');
        const { host, output } = session;
        const { target } = options;
        const request = { dialogue: await session.dialogue(), ...(target !== undefined && { target }) };
        const resolution = await resolveArtifact(await session.project(), host, request).catch(
          async (error: unknown) => {
            if (options.explain === true) await explainFailure(error, output);
            throw error;
          },
        );
        if (options.explain === true) {
          const { describeTrail } = await import('../../report/trail-text.ts');
          output.result(resolution, describeTrail(resolution));
        } else {
          const { trail: _, ...found } = resolution;
          output.result(found, resolution.path);
        }
        return 0;
      }),
    );
}

/** Every tier that was tried, on stderr: with `--json` they are in the details of the error. */
async function explainFailure(error: unknown, output: Output): Promise<void> {
  if (!(error instanceof ToolcribError) || output.json) return;
  const { describeFailedTrail } = await import('../../report/trail-text.ts');
  for (const step of describeFailedTrail(error.details)) output.say(step);
}
