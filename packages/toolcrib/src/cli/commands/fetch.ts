import { UsageError } from '../../core/errors.ts';
import { collect, type Registration } from '../program-options.ts';
import type { Session } from '../session.ts';

interface FetchCommandOptions {
  readonly all?: boolean;
  readonly target?: readonly string[];
  readonly run?: string;
  readonly sums?: boolean;
  readonly repository?: string;
}

export function registerFetch({ program, action }: Registration): void {
  program
    .command('fetch')
    .description('bring verified artifacts into the binaries folder, all or none: call it before packaging')
    .option('--all', 'every target of the project')
    .option('--target <target>', 'a target, e.g. amd64-any; may be given again', collect)
    .option('--run <id>', 'with --sums: the run of the build workflow')
    .option('--sums', 'write the sums that CI computed into the sums file, to be committed')
    .option('--repository <name>', 'with --sums: OWNER/REPO (default: of the CI job, or of the remote "origin")')
    .action(
      action(async (session, { all, target = [], run, sums = false, repository }: FetchCommandOptions) => {
        if (run !== undefined || sums || repository !== undefined) {
          const id = runOf(run, sums, all === true || target.length > 0);
          return await fetchSums(session, { run: id, ...(repository !== undefined && { repository }) });
        }
        if ((all ?? false) === target.length > 0) throw neitherOrBoth();
        const { fetchArtifacts } = await import('../../flows/fetch-artifacts.ts');
        const { describeFetched } = await import('../../report/fetched-text.ts');
        const fetched = await fetchArtifacts(await session.project(), session.host, { targets: target });
        session.output.report(fetched, describeFetched(fetched));
        return 0;
      }),
    );
}

async function fetchSums(
  session: Session,
  options: { readonly run: number; readonly repository?: string },
): Promise<number> {
  const { fetchRunSums } = await import('../../flows/fetch-run-sums.ts');
  const fetched = await fetchRunSums(await session.project(), session.host, options);
  const { tool, version, sumsFile, builtCommit } = fetched;
  const text = `${sumsFile} pins ${tool} v${version} as CI built it from ${builtCommit}. Commit it alone: that push is not built again.`;
  session.output.report(fetched, text);
  return 0;
}

/** @throws UsageError `USAGE`. */
function runOf(run: string | undefined, sums: boolean, more: boolean): number {
  if (run !== undefined && sums && !more && /^[1-9][0-9]{0,14}$/.test(run)) return Number(run);
  throw new UsageError('USAGE', 'the sums of a run are fetched with --run ID --sums, and --repository at most', {
    hint: 'the id is the number at the end of the URL of the run',
  });
}

function neitherOrBoth(): UsageError {
  return new UsageError('USAGE', 'fetch needs either --all or --target', {
    hint: '"toolcrib fetch --all" brings every target of toolcrib.json',
  });
}
