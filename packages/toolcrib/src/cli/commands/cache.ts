import { CHECK_FAILED } from '../exit-codes.ts';
import type { Registration } from '../program-options.ts';

export function registerCache({ program, action }: Registration): void {
  const cache = program.command('cache').description('the verified bytes on this machine');
  cache
    .command('ls')
    .description('list what the cache holds')
    .action(
      action(async ({ host, output }) => {
        const { listCache } = await import('../../flows/inspect-cache.ts');
        const { describeBlobs } = await import('../../report/cache-text.ts');
        const listed = await listCache(host);
        output.result(listed, describeBlobs(listed));
        return 0;
      }),
    );
  cache
    .command('verify')
    .description('hash everything in the cache: exit 9 when something is wrong')
    .action(
      action(async ({ host, output }) => {
        const { verifyCache } = await import('../../flows/inspect-cache.ts');
        const { describeFindings } = await import('../../report/cache-text.ts');
        const verified = await verifyCache(host);
        output.result(verified, describeFindings(verified));
        return verified.findings.length === 0 ? 0 : CHECK_FAILED;
      }),
    );
}
