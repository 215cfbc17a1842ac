import { Option } from 'commander';
import { CHECK_FAILED } from '../exit-codes.ts';
import type { Registration } from '../program-options.ts';

export function registerArchive(registration: Registration): void {
  const archive = registration.program.command('archive').description('read run archives');
  const within = { ...registration, program: archive };
  registerShow(within);
  registerVerify(within);
}

function keyOption(): Option {
  return new Option('--key <file>', 'demand a signature by this public key (PEM, Ed25519 or ECDSA on P-256)');
}

function registerShow({ program, action }: Registration): void {
  program
    .command('show')
    .description('tell what a run archive says, and what it does not; exit 9 when it is refused')
    .argument('<file>')
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
    .argument('<file>')
    .addOption(keyOption())
    .action(
      action(async ({ host, output }, file: string, options: { key?: string }) => {
        const { readArchive } = await import('../../flows/read-archive.ts');
        const { describeVerification } = await import('../../report/archive-text.ts');
        const inspection = await readArchive(host, file, options);
        const { findings, unchecked, signature, verdict } = inspection;
        const accepted = findings.length === 0;
        output.result({ accepted, findings, unchecked, signature, verdict }, describeVerification(inspection));
        return accepted ? 0 : CHECK_FAILED;
      }),
    );
}
