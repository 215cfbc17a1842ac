import type { Command } from 'commander';
import { NOT_INJECTABLE } from '../exit-codes.ts';
import { PACK_OPTION } from '../pack-option.ts';
import type { Registration } from '../program-options.ts';

interface InjectCommandOptions {
  readonly pack?: string;
  readonly frozen?: boolean;
}

type EjectCommandOptions = Pick<InjectCommandOptions, 'pack'>;

const SANDBOX = ['<sandbox>', 'docker:NAME, podman:NAME, exec:PREFIX or local:DIR'] as const;

/** @param ext the command that they stand below. */
export function registerExtInject(ext: Command, { action }: Registration): void {
  ext
    .command('inject')
    .description('resolve the component of an extension, place it into a sandbox and read it back')
    .argument('<ref>', 'ext://ID#component')
    .argument(...SANDBOX)
    .option(...PACK_OPTION)
    .option('--frozen', 'there has to be a lock')
    .action(
      action(async (session, reference: string, sandbox: string, options: InjectCommandOptions) => {
        const { injectExtension } = await import('../../flows/inject-extension.ts');
        const { describePlacedComponent } = await import('../../report/injection-text.ts');
        const { host, output } = session;
        const placed = await injectExtension(await session.project(), host, { reference, sandbox, ...options });
        output.result(placed, describePlacedComponent(placed));
        return 0;
      }),
    );
  ext
    .command('eject')
    .description('take the components of an extension out of a sandbox again')
    .argument('<ref>', 'ext://ID#component')
    .argument(...SANDBOX)
    .option(...PACK_OPTION)
    .action(
      action(async ({ host, output }, reference: string, sandbox: string, options: EjectCommandOptions) => {
        const { ejectExtension } = await import('../../flows/inject-extension.ts');
        const { isEjected } = await import('../../flows/eject-tool.ts');
        const { describeEjection } = await import('../../report/ejection-text.ts');
        const ejection = await ejectExtension(host, { reference, sandbox, ...options });
        const isGone = isEjected(ejection);
        output.report(ejection, describeEjection(ejection), isGone);
        return isGone ? 0 : NOT_INJECTABLE;
      }),
    );
}
