import { UsageError } from '../../core/errors.ts';
import { collect, type Registration } from '../program-options.ts';

interface FetchCommandOptions {
  readonly all?: boolean;
  readonly target?: readonly string[];
}

export function registerFetch({ program, action }: Registration): void {
  program
    .command('fetch')
    .description('bring verified artifacts into the binaries folder, all or none: call it before packaging')
    .option('--all', 'every target of the project')
    .option('--target <target>', 'a target, e.g. amd64-any; may be given again', collect)
    .action(
      action(async (session, { all, target = [] }: FetchCommandOptions) => {
        if ((all ?? false) === target.length > 0) throw neitherOrBoth();
        const { fetchArtifacts } = await import('../../flows/fetch-artifacts.ts');
        const { describeFetched } = await import('../../report/fetched-text.ts');
        const fetched = await fetchArtifacts(await session.project(), session.host, { targets: target });
        session.output.result(fetched, describeFetched(fetched));
        return 0;
      }),
    );
}

function neitherOrBoth(): UsageError {
  return new UsageError('USAGE', 'fetch needs either --all or --target', {
    hint: '"toolcrib fetch --all" brings every target of toolcrib.json',
  });
}
