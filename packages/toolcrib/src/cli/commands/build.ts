import { shortDigest, formatSize } from '../../report/size.ts';
import { collect, type Registration } from '../program-options.ts';

interface BuildOptions {
  readonly target?: readonly string[];
  readonly dev?: boolean;
  readonly verify?: boolean;
}

export function registerBuild({ program, action }: Registration): void {
  program
    .command('build')
    .description('build artifacts into the binaries folder')
    .option('--target <target>', 'only this target; may be given again', collect)
    .option('--dev', 'name the result -dev: a local build that is never published')
    .option('--verify', 'compare the result with the pins (exit 4 when it differs)')
    .action(
      action(async (session, options: BuildOptions) => {
        const { buildTool } = await import('../../flows/build-tool.ts');
        const { target: targets = [], ...request } = options;
        const built = await buildTool(await session.project(), session.host, { ...request, targets });
        const lines = built.map(({ name, size, digest }) => `${name}  ${formatSize(size)}  ${shortDigest(digest)}`);
        session.output.report({ artifacts: built }, lines.join('\n'));
        return 0;
      }),
    );
}
