import { resolve } from 'node:path';
import { collect, collectVersion, type Registration } from '../program-options.ts';

interface RevokeOptions {
  readonly key: string;
  readonly version?: readonly number[];
  readonly digest?: readonly string[];
  readonly reason: string;
}

export function registerRevoke({ program, action }: Registration): void {
  program
    .command('revoke')
    .description("add releases to the project's signed list of those that must not be used any more")
    .requiredOption('--key <file>', 'the Ed25519 private key (PEM) that signs the list')
    .option('--version <n>', 'a version to revoke, with all its artifacts; may be given again', collectVersion)
    .option('--digest <digest>', 'an artifact to revoke, by its digest; may be given again', collect)
    .requiredOption('--reason <text>', 'what everybody is told who would have used it')
    .action(
      action(async (session, options: RevokeOptions) => {
        const { revokeRelease } = await import('../../flows/revoke-release.ts');
        const { describeRevocations } = await import('../../report/revocation-text.ts');
        const { host, output } = session;
        const revoked = await revokeRelease(await session.project(), host, {
          key: resolve(host.cwd, options.key),
          versions: options.version ?? [],
          digests: options.digest ?? [],
          reason: options.reason,
        });
        output.report(revoked, describeRevocations(revoked));
        return 0;
      }),
    );
}
