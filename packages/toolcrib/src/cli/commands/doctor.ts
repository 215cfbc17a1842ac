import { CHECK_FAILED } from '../exit-codes.ts';
import type { Registration } from '../program-options.ts';

interface DoctorOptions {
  readonly writeProbe?: boolean;
}

export function registerDoctor({ program, action }: Registration): void {
  program
    .command('doctor')
    .description('what works on this machine and what does not; exit 9 when something configured does not work')
    .option('--write-probe', 'create a file in stores of directories and S3, see whether it is kept, and remove it')
    .action(
      action(async (session, { writeProbe = false }: DoctorOptions) => {
        const { examineHost } = await import('../../flows/examine-host.ts');
        const { describeExamination } = await import('../../report/doctor-text.ts');
        const examination = await examineHost(session.host, { project: () => session.project(), writeProbe });
        const wentWell = examination.verdict === 'ok';
        session.output.report(examination, describeExamination(examination), wentWell);
        return wentWell ? 0 : CHECK_FAILED;
      }),
    );
}
