import type { Command } from 'commander';
import { exitCodeOf } from '../exit-codes.ts';
import { errorDocument } from '../output.ts';
import { collect, type Registration } from '../program-options.ts';

interface PublishCommandOptions {
  readonly to: readonly string[];
  readonly version: string;
  readonly name?: string;
}

/** @param ext the command that it stands below. */
export function registerExtPublish(ext: Command, { action }: Registration): void {
  ext
    .command('publish')
    .description('publish a .gtxpack, write-once, and read it back')
    .argument('<file>', 'the .gtxpack')
    .requiredOption('--version <version>', 'of the extension, e.g. 1.2.0')
    .requiredOption('--to <store>', 'file:DIR, oci://HOST/REPOSITORY or https://HOST; may be given again', collect)
    .option('--name <name>', 'of the extension (default: component.id in its component.json)')
    .action(
      action(async ({ host, output }, file: string, options: PublishCommandOptions) => {
        const { publishExtension } = await import('../../flows/publish-pack.ts');
        const { describePackPublication } = await import('../../report/pack-text.ts');
        const { failure, ...facts } = await publishExtension(host, { file, ...options });
        const document = failure === null ? facts : { ...facts, ...errorDocument(failure) };
        output.report(document, describePackPublication(facts), failure === null);
        if (failure === null) return 0;
        if (!output.json) output.fail(failure);
        return exitCodeOf(failure);
      }),
    );
}
