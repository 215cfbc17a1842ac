import type { Registration } from '../program-options.ts';

export function registerArchive({ program, action }: Registration): void {
  const archive = program.command('archive').description('read run archives');
  archive
    .command('show')
    .description('tell what a run archive says, and what it does not')
    .argument('<file>')
    .action(
      action(async ({ host, output }, file: string) => {
        const { showArchive } = await import('../../flows/read-archive.ts');
        const { document, text } = await showArchive(host, file);
        output.result(document, text);
        return 0;
      }),
    );
  archive
    .command('verify')
    .description('check a run archive: exit 9 when it is refused')
    .argument('<file>')
    .action(
      action(async ({ host, output }, file: string) => {
        const { verifyArchiveFile } = await import('../../flows/read-archive.ts');
        const { document, text, accepted } = await verifyArchiveFile(host, file);
        output.result(document, text);
        return accepted ? 0 : 9;
      }),
    );
}
