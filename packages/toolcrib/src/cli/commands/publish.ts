import type { Publication } from '../../flows/publish-release.ts';
import { exitCodeOf } from '../exit-codes.ts';
import { errorDocument } from '../output.ts';
import { collect, type Registration } from '../program-options.ts';
import type { Session } from '../session.ts';

interface PublishOptions {
  readonly to?: readonly string[];
  readonly dryRun?: boolean;
  readonly sign?: string;
  readonly receipt?: string;
  readonly notify?: readonly string[];
}

export function registerPublish({ program, action }: Registration): void {
  program
    .command('publish')
    .description('publish a complete release, read it back, and write the sums file')
    .option('--to <store>', 'a store instead of the configured ones; may be given again', collect)
    .option('--sign <key>', 'sign with this Ed25519 private key (PEM), or "sigstore" for the identity of a CI job')
    .option('--receipt <file>', 'write a receipt: who published what, where')
    .option('--notify <url>', 'post the receipt to this URL; may be given again', collect)
    .option('--dry-run', 'show what would be done, through the same code')
    .action(
      action(async (session, options: PublishOptions) => {
        const { publishRelease } = await import('../../flows/publish-release.ts');
        return await tellPublication(session, await publishRelease(await session.project(), session.host, options));
      }),
    );
}

/** Prints what became of a release, in every store; returns the exit code of the first failure. */
export async function tellPublication({ output }: Session, publication: Publication): Promise<number> {
  const { describePublication } = await import('../../report/publication-text.ts');
  const { failure, ...facts } = publication;
  const document = failure === null ? facts : { ...facts, ...errorDocument(failure) };
  output.report(document, describePublication(publication), failure === null);
  if (failure === null) return 0;
  if (!output.json) output.fail(failure);
  return exitCodeOf(failure);
}
