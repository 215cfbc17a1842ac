import type { Command } from 'commander';
import { UsageError } from '../../core/errors.ts';
import { PACK_OPTION } from '../pack-option.ts';
import type { Registration } from '../program-options.ts';
import { standardStreams } from '../standard-streams.ts';

interface SecretsCommandOptions {
  readonly pack?: string;
  readonly frozen?: boolean;
  readonly env?: boolean;
}

/** @param ext the command that it stands below. */
export function registerExtSecrets(ext: Command, { action }: Registration): void {
  ext
    .command('secrets')
    .description('list what the tools that agents use have to be told, by extension')
    .argument('<agents...>', 'files that define agents, JSON or YAML')
    .option(...PACK_OPTION)
    .option('--frozen', 'there has to be a lock')
    .option('--env', 'print a template of a .env file, without values')
    .action(
      action(async (session, agents: string[], options: SecretsCommandOptions) => {
        if (options.env === true && session.output.json) throw eitherForm();
        const { listExtensionSecrets } = await import('../../flows/extension-secrets.ts');
        const { describeSecrets, formatEnvTemplate } = await import('../../report/secrets-text.ts');
        const { host, output } = session;
        const extensions = await listExtensionSecrets(await session.project(), host, { agents, ...options });
        const { columns: width } = standardStreams.stdout;
        const text = options.env === true ? formatEnvTemplate(extensions) : describeSecrets(extensions, { width });
        output.result({ extensions }, text);
        return 0;
      }),
    );
}

function eitherForm(): UsageError {
  return new UsageError('USAGE', '--env prints a template and --json prints JSON: give one of them', {
    hint: '--json tells the same secrets, for programs',
  });
}
