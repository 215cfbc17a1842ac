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
        const resolution = await resolveArtifact(await session.project(), session.host, options);
        if (options.explain === true) {
          const { describeTrail } = await import('../../report/trail-text.ts');
          session.output.result(resolution, describeTrail(resolution));
        } else {
          const { trail: _, ...found } = resolution;
          session.output.result(found, resolution.path);
        }
        return 0;
      }),
    );
}
