import type { Command } from 'commander';
import { UsageError } from '../../core/errors.ts';
import { shownReference } from '../../core/shown-reference.ts';
import { PACK_OPTION } from '../pack-option.ts';
import { outputFile, type Registration } from '../program-options.ts';
import { standardStreams } from '../standard-streams.ts';

interface ResolveCommandOptions {
  readonly pack?: string;
  readonly output?: string;
  readonly frozen?: boolean;
}

/** @param ext the command that it stands below. */
export function registerExtResolve(ext: Command, { action }: Registration): void {
  ext
    .command('resolve')
    .description('write the verified component of an extension to a file, or to stdout')
    .argument('<ref>', 'ext://ID#component')
    .option(...PACK_OPTION)
    .option('-o, --output <file>', 'the file to write (default: stdout; with --json nothing is written)', outputFile)
    .option('--frozen', 'there has to be a lock')
    .action(
      action(async (session, reference: string, options: ResolveCommandOptions) => {
        const { host, output } = session;
        if (options.output === undefined && !output.json) refuseTerminal();
        const { saveComponent, resolveExtension } = await import('../../flows/resolve-extension.ts');
        const { bytes, ...component } = await resolveExtension(await session.project(), host, reference, options);
        const path = options.output === undefined ? null : await saveComponent(host, bytes, options.output);
        const sourceRef = shownReference(component.sourceRef);
        const told = { reference, ...component, sourceRef, size: bytes.byteLength, path };
        if (path === null && !output.json) await writeToStdout(bytes);
        else output.report(told, `${component.digest}  ${path ?? ''}`);
        return 0;
      }),
    );
}

/** A component is no text. */
function refuseTerminal(): void {
  if (!standardStreams.stdout.isTTY) return;
  throw new UsageError('USAGE', 'a component is not written to a terminal', {
    hint: 'name a file with -o FILE, or send stdout somewhere else',
  });
}

async function writeToStdout(bytes: Uint8Array): Promise<void> {
  // What goes wrong with stdout, the stream itself tells and ends.
  await new Promise<void>((resolve) => {
    standardStreams.stdout.write(bytes, () => resolve());
  });
}
