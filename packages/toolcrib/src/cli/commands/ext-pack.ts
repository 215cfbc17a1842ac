import type { Command } from 'commander';
import { outputFile, type Registration } from '../program-options.ts';

interface PackCommandOptions {
  readonly output: string;
  readonly id?: string;
  readonly component?: string;
}

/** @param ext the command that it stands below. */
export function registerExtPack(ext: Command, { action }: Registration): void {
  ext
    .command('pack')
    .description('pack a directory as a .gtxpack: the same files are always the same bytes')
    .argument('<dir>', 'what belongs into the pack, and nothing else')
    .requiredOption('-o, --output <file>', 'the .gtxpack to write', outputFile)
    .option('--id <id>', 'of the extension, where the directory has no component.json')
    .option('--component <name>', 'of the file that is the component, likewise (default: component.wasm)')
    .action(
      action(async ({ host, output }, directory: string, options: PackCommandOptions) => {
        const { packExtension } = await import('../../flows/create-pack.ts');
        const { describePack } = await import('../../report/pack-text.ts');
        const written = await packExtension(host, { directory, ...options });
        output.report(written, describePack(written));
        return 0;
      }),
    );
}
