import { Option } from 'commander';
import { CHECK_FAILED } from '../exit-codes.ts';
import type { Registration } from '../program-options.ts';

export function registerArchive(registration: Registration): void {
  const archive = registration.program.command('archive').description('read run archives');
  const within = { ...registration, program: archive };
  registerShow(within);
  registerVerify(within);
  registerDiff(within);
  registerReport(within);
}

function keyOption(): Option {
  return new Option('--key <file>', 'demand a signature by this public key (PEM, Ed25519 or ECDSA on P-256)');
}

function registerShow({ program, action }: Registration): void {
  program
    .command('show')
    .description('tell what a run archive says, and what it does not; exit 9 when it is refused')
    .argument('<file>', 'the archive, a file that toolcrib run -o wrote')
    .option('--claims', 'tell what may be claimed from it, and what not, and why')
    .addOption(keyOption())
    .action(
      action(async ({ host, output }, file: string, options: { key?: string; claims?: boolean }) => {
        const { readArchiveAccount } = await import('../../flows/read-archive.ts');
        const { inspection, account } = await readArchiveAccount(host, file, options);
        const { findings, unchecked, signature, verdict, claims, summary } = inspection;
        const accepted = findings.length === 0;
        if (options.claims === true) {
          const { describeClaims } = await import('../../report/claims-text.ts');
          const document = { accepted, findings, verdict, claims: accepted ? claims : null };
          output.result(document, describeClaims(claims, !accepted));
        } else {
          const { describeArchive } = await import('../../report/archive-text.ts');
          const document = { findings, unchecked, signature, verdict, claims, summary, account };
          output.result(document, describeArchive(inspection, account));
        }
        return accepted ? 0 : CHECK_FAILED;
      }),
    );
}

function registerVerify({ program, action }: Registration): void {
  program
    .command('verify')
    .description('check a run archive: exit 9 when it is refused')
    .argument('<file>', 'the archive, a file that toolcrib run -o wrote')
    .addOption(keyOption())
    .action(
      action(async ({ host, output }, file: string, options: { key?: string }) => {
        const { readArchive } = await import('../../flows/read-archive.ts');
        const { describeVerification } = await import('../../report/archive-text.ts');
        const inspection = await readArchive(host, file, options);
        const { findings, unchecked, undescribed, signature, verdict, claims } = inspection;
        const accepted = findings.length === 0;
        output.result(
          { accepted, findings, unchecked, undescribed, signature, verdict, claims: accepted ? claims : null },
          describeVerification(inspection),
        );
        return accepted ? 0 : CHECK_FAILED;
      }),
    );
}

function registerDiff({ program, action }: Registration): void {
  program
    .command('diff')
    .description('compare what two recorded runs touched; exit 9 when one of them is refused')
    .argument('<base>', 'the archive of the earlier run')
    .argument('<head>', 'the archive of the later run')
    .option('--exit-code', 'exit 9 when they differ, or when the difference proves nothing')
    .addOption(keyOption())
    .action(
      action(async ({ host, output }, base: string, head: string, options: { key?: string; exitCode?: boolean }) => {
        const { compareArchives } = await import('../../flows/compare-archives.ts');
        const { describeDiff, isDifferent } = await import('../../report/diff-text.ts');
        const diff = await compareArchives(host, base, head, options);
        output.result(diff, describeDiff(diff));
        const isSame = !isDifferent(diff) && diff.status !== 'failed';
        return options.exitCode === true && !isSame ? CHECK_FAILED : 0;
      }),
    );
}

function registerReport({ program, action }: Registration): void {
  program
    .command('report')
    .description('write one HTML file about a run archive, for a browser without a network; exit 9 when it is refused')
    .argument('<file>', 'the archive, a file that toolcrib run -o wrote')
    .argument('[base]', 'the archive of an earlier run, that this one is compared with')
    .requiredOption('-o, --output <file>', 'where the report goes (.html)')
    .addOption(keyOption())
    .action(
      action(async ({ host, output }, file: string, base: string | undefined, options: ReportOptions) => {
        const { reportArchive } = await import('../../flows/report-archive.ts');
        const { formatSize } = await import('../../report/size.ts');
        const report = await reportArchive(host, { file, base, ...options });
        const accepted = report.findings.length === 0;
        const refused = accepted ? '' : '; the archive is refused, and the report says so';
        output.report({ accepted, ...report }, `${report.path} (${formatSize(report.size)})${refused}\n`, accepted);
        return accepted ? 0 : CHECK_FAILED;
      }),
    );
}

interface ReportOptions {
  readonly output: string;
  readonly key?: string;
}
