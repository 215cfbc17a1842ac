import type { Registration } from '../program-options.ts';

export function registerCache({ program, action }: Registration): void {
  const cache = program.command('cache').description('the verified bytes on this machine');
  cache
    .command('ls')
    .description('list what the cache holds')
    .action(
      action(async ({ host, output }) => {
        const { listCache } = await import('../../flows/inspect-cache.ts');
        const { document, text } = await listCache(host);
        output.result(document, text);
        return 0;
      }),
    );
  cache
    .command('verify')
    .description('hash everything in the cache: exit 9 when something is wrong')
    .action(
      action(async ({ host, output }) => {
        const { verifyCache } = await import('../../flows/inspect-cache.ts');
        const { document, text, sound } = await verifyCache(host);
        output.result(document, text);
        return sound ? 0 : 9;
      }),
    );
}
