import { UsageError } from '../../core/errors.ts';
import { NOT_INJECTABLE } from '../exit-codes.ts';
import { collectVersion, type Registration } from '../program-options.ts';

interface EjectOptions {
  readonly version?: readonly number[];
  readonly allVersions?: boolean;
}

export function registerEject({ program, action }: Registration): void {
  program
    .command('eject')
    .description('take the tool out of a sandbox again, with what interrupted injections left there')
    .argument('<sandbox>', 'docker:NAME, podman:NAME, exec:PREFIX or local:DIR')
    .option('--version <n>', "of the tool; may be given again (default: the project's own version)", collectVersion)
    .option('--all-versions', 'every version of the tool that was placed there')
    .action(
      action(async (session, sandbox: string, options: EjectOptions) => {
        const versions = versionsOf(options);
        const { ejectTool, isEjected } = await import('../../flows/eject-tool.ts');
        const { describeEjection } = await import('../../report/ejection-text.ts');
        const ejection = await ejectTool(await session.project(), session.host, { sandbox, ...versions });
        const isGone = isEjected(ejection);
        session.output.report(ejection, describeEjection(ejection), isGone);
        return isGone ? 0 : NOT_INJECTABLE;
      }),
    );
}

/** @throws UsageError `USAGE`. */
function versionsOf({ version, allVersions = false }: EjectOptions): { versions?: readonly number[] | 'all' } {
  if (version === undefined) return allVersions ? { versions: 'all' } : {};
  if (!allVersions) return { versions: version };
  throw new UsageError('USAGE', '--version and --all-versions exclude each other', {
    hint: 'leave one of them out',
  });
}
