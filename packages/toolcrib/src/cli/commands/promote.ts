import { UsageError } from '../../core/errors.ts';
import type { Promotion, VerifiedPart } from '../../flows/promote-release.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { errorDocument } from '../output.ts';
import { collect, type Registration } from '../program-options.ts';
import type { Session } from '../session.ts';

interface PromoteCommandOptions {
  readonly pr?: string;
  readonly run?: string;
  readonly to?: readonly string[];
  readonly sign?: string;
  readonly receipt?: string;
  readonly notify?: readonly string[];
  readonly rebuild?: boolean;
  readonly rebuilt?: string;
  readonly commit?: string;
  readonly repository?: string;
  readonly verifyOnly?: string;
  readonly dryRun?: boolean;
}

export function registerPromote({ program, action }: Registration): void {
  program
    .command('promote')
    .description('publish what CI built for a reviewed pull request')
    .option('--pr <number>', 'the pull request')
    .option('--run <id>', 'the run that built it (default: the latest of the pull request)')
    .option('--to <store>', 'a store instead of the configured ones; may be given again', collect)
    .option('--sign <key>', 'sign with this Ed25519 private key (PEM), or "sigstore" for the identity of a CI job')
    .option('--receipt <file>', 'write a receipt: who promoted what, where')
    .option('--notify <url>', 'post the receipt to this URL; may be given again', collect)
    .option('--rebuild', 'build the approved commit here and promote that, if it has the pinned digests')
    .option('--rebuilt <dir>', 'promote what was built again elsewhere, if it has the pinned digests')
    .option('--commit <sha>', 'demand that this is the head of the pull request')
    .option('--repository <name>', 'OWNER/REPO (default: of the CI job, or of the remote "origin")')
    .option('--verify-only <part>', '"approval", or also the "artifacts": asks no store, signs and publishes nothing')
    .option('--dry-run', 'verify everything, the stores too, and show what would be published')
    .action(
      action(async (session, { pr, run, verifyOnly, ...others }: PromoteCommandOptions) => {
        const { promoteRelease } = await import('../../flows/promote-release.ts');
        const options = { ...others, ...idFrom('pr', pr), ...idFrom('run', run), ...partFrom(verifyOnly) };
        return await tell(session, await promoteRelease(await session.project(), session.host, options));
      }),
    );
}

/** A field of a form that was left empty is absent. @throws UsageError `USAGE`. */
function idFrom(name: 'pr' | 'run', value = ''): Partial<Record<'pr' | 'run', number>> {
  if (value === '') return {};
  if (/^[1-9][0-9]{0,14}$/.test(value)) return { [name]: Number(value) };
  throw new UsageError('USAGE', `--${name}: expected a number, found ${JSON.stringify(value)}`, {
    hint: 'the number of a pull request, or the id at the end of the URL of a run',
  });
}

/** @throws UsageError `USAGE`. */
function partFrom(part: string | undefined): { readonly verifyOnly?: VerifiedPart } {
  if (part === undefined) return {};
  if (part === 'approval' || part === 'artifacts') return { verifyOnly: part };
  throw new UsageError('USAGE', `--verify-only: expected "approval" or "artifacts", found ${JSON.stringify(part)}`, {
    hint: '"artifacts" verifies the approval too',
  });
}

/** Prints what became of it; returns the exit code of the first store that failed. */
async function tell({ output }: Session, promotion: Promotion): Promise<number> {
  const { describePromotion } = await import('../../report/promotion-text.ts');
  const { describePublication } = await import('../../report/publication-text.ts');
  const { publication, ...facts } = promotion;
  const head = describePromotion(facts);
  if (publication === null) {
    output.report({ ...facts, publication }, head);
    return 0;
  }
  const { failure, ...told } = publication;
  const document = { ...facts, publication: told, ...(failure !== null && errorDocument(failure)) };
  output.report(document, `${head}${describePublication(publication)}`, failure === null);
  if (failure === null) return 0;
  if (!output.json) output.fail(failure);
  return exitCodeOf(failure);
}
