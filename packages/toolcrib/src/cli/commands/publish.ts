import { collect, type Registration } from '../program-options.ts';

interface PublishOptions {
  readonly to?: readonly string[];
  readonly dryRun?: boolean;
}

export function registerPublish({ program, action }: Registration): void {
  program
    .command('publish')
    .description('publish a complete release, read it back, and write the sums file')
    .option('--to <store>', 'a store instead of the configured ones; may be given again', collect)
    .option('--dry-run', 'show what would be done, through the same code')
    .action(
      action(async (session, options: PublishOptions) => {
        const { publishRelease } = await import('../../flows/publish-release.ts');
        const { describePublication } = await import('../../report/publication-text.ts');
        const publication = await publishRelease(await session.project(), session.host, options);
        session.output.result(publication, describePublication(publication));
        return 0;
      }),
    );
}
