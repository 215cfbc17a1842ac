import type { Registration } from '../program-options.ts';

interface ResolveOptions {
  readonly target?: string;
  readonly explain: boolean;
}

export function registerResolve({ program, action }: Registration): void {
  program
    .command('resolve')
    .description('print the path of the verified artifact')
    .option('--target <target>', 'what it shall run on (default: this machine)')
    .option('--explain', 'tell every tier, used or not, and why', false)
    .action(
      action(async (session, options: ResolveOptions) => {
        const { resolveArtifact } = await import('../../flows/resolve-artifact.ts');
        const resolution = await resolveArtifact(await session.project(), session.host, options);
        const { trail, ...found } = resolution;
        if (options.explain) {
          const { describeTrail } = await import('../../report/trail-text.ts');
          session.output.result(resolution, describeTrail(resolution));
        } else {
          session.output.result(found, resolution.path);
        }
        return trail.length === 0 ? 1 : 0;
      }),
    );
}
