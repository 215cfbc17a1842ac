import { CHECK_FAILED } from '../exit-codes.ts';
import type { Registration } from '../program-options.ts';

export function registerArchive({ program, action }: Registration): void {
  const archive = program.command('archive').description('read run archives');
  archive
    .command('show')
    .description('tell what a run archive says, and what it does not; exit 9 when it is refused')
    .argument('<file>')
    .action(
      action(async ({ host, output }, file: string) => {
        const { readArchive } = await import('../../flows/read-archive.ts');
        const { describeArchive } = await import('../../report/archive-text.ts');
        const inspection = await readArchive(host, file);
        output.result(inspection, describeArchive(inspection));
        return inspection.findings.length === 0 ? 0 : CHECK_FAILED;
      }),
    );
  archive
    .command('verify')
    .description('check a run archive: exit 9 when it is refused')
    .argument('<file>')
    .action(
      action(async ({ host, output }, file: string) => {
        const { readArchive } = await import('../../flows/read-archive.ts');
        const { describeVerification } = await import('../../report/archive-text.ts');
        const inspection = await readArchive(host, file);
        const accepted = inspection.findings.length === 0;
        const { findings, unchecked, verdict } = inspection;
        output.result({ accepted, findings, unchecked, verdict }, describeVerification(inspection));
        return accepted ? 0 : CHECK_FAILED;
      }),
    );
}
