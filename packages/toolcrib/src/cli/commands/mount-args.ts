import { UsageError } from '../../core/errors.ts';
import { formatMountArgs, MOUNT_FORMATS, type MountFormat } from '../../report/mount-args-text.ts';
import type { Registration } from '../program-options.ts';

interface MountArgsOptions {
  readonly target?: string;
  readonly directory?: string;
  readonly volume?: string;
  readonly format?: string;
}

export function registerMountArgs({ program, action }: Registration): void {
  program
    .command('mount-args')
    .description('print what a sandbox is made with to have the tool from a shared read-only mount')
    .option('--target <target>', 'which artifact (default: what needs nothing of a sandbox)')
    .option('--directory <dir>', 'keep its tree in this directory (default: in the cache)')
    .option('--volume <name>', 'keep it in this volume of an engine on this machine')
    .option('--format <format>', 'docker, podman, compose or kubernetes (default: docker)')
    .action(
      action(async (session, { format: written = 'docker', ...options }: MountArgsOptions) => {
        const format = formatFrom(written);
        if (options.volume !== undefined) verifyVolume(options, format);
        const { mountTool } = await import('../../flows/mount-tool.ts');
        const dialogue = await session.dialogue();
        const engine = format === 'podman' ? 'podman' : 'docker';
        const mounted = await mountTool(await session.project(), session.host, { ...options, engine, dialogue });
        const args = Object.fromEntries(MOUNT_FORMATS.map((each) => [each, formatMountArgs(mounted, each) ?? null]));
        session.output.result({ ...mounted, args }, args[format] ?? '');
        return 0;
      }),
    );
}

function formatFrom(text: string): MountFormat {
  const format = MOUNT_FORMATS.find((each) => each === text);
  if (format !== undefined) return format;
  throw new UsageError('USAGE', `--format takes ${MOUNT_FORMATS.join(', ')}, found ${JSON.stringify(text)}`);
}

function verifyVolume({ directory }: MountArgsOptions, format: MountFormat): void {
  if (directory !== undefined) {
    throw new UsageError('USAGE', '--directory and --volume are two places for the same tree', { hint: 'name one' });
  }
  if (format === 'kubernetes') {
    throw new UsageError('USAGE', 'a volume of an engine is none of a cluster', {
      hint: 'use --directory on each node',
    });
  }
}
