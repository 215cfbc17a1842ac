import { parseByteSize, parseDays } from '../../core/cache-limits.ts';
import { CHECK_FAILED } from '../exit-codes.ts';
import type { Registration } from '../program-options.ts';
import { standardStreams } from '../standard-streams.ts';

interface CollectOptions {
  readonly maxBytes?: number;
  readonly maxAge?: number;
  readonly dryRun?: boolean;
  readonly mounts?: boolean;
}

export function registerCache({ program, action }: Registration): void {
  const cache = program.command('cache').description('the verified bytes on this machine');
  cache
    .command('ls')
    .description('list what the cache holds, and when it was used last')
    .action(
      action(async ({ host, output }) => {
        const { listCache } = await import('../../flows/inspect-cache.ts');
        const { describeCache } = await import('../../report/cache-text.ts');
        const listed = await listCache(host);
        output.result(listed, describeCache(listed, { width: standardStreams.stdout.columns }));
        return 0;
      }),
    );
  cache
    .command('verify')
    .description('hash everything in the cache: exit 9 when something is wrong')
    .option('--repair', 'remove what is wrong, or make it again from what is right; exit 9 when something is left')
    .action(
      action(async ({ host, output }, options: { readonly repair?: boolean }) => {
        const { isInOrder, verifyCache } = await import('../../flows/inspect-cache.ts');
        const { describeFindings } = await import('../../report/cache-text.ts');
        const verified = await verifyCache(host, options);
        output.result(verified, describeFindings(verified));
        return isInOrder(verified) ? 0 : CHECK_FAILED;
      }),
    );
  cache
    .command('gc')
    .description('remove what was not used for longest, and what killed processes left; never what is in use')
    .option(
      '--max-bytes <size>',
      'leave no more than this, e.g. 5GB (default: TOOLCRIB_CACHE_MAX_BYTES, or "cache" in toolcrib.json)',
      (text: string) => parseByteSize(text, '--max-bytes'),
    )
    .option(
      '--max-age <days>',
      'leave nothing that was not used for so many days (default: TOOLCRIB_CACHE_MAX_AGE, or "cache" in toolcrib.json)',
      (text: string) => parseDays(text, '--max-age'),
    )
    .option('--mounts', 'also every tree that mount-args placed here, whoever has it mounted')
    .option('--dry-run', 'only tell what would go')
    .action(
      action(async (session, options: CollectOptions) => {
        const { collectCache } = await import('../../flows/collect-cache.ts');
        const { describeCollection } = await import('../../report/cache-text.ts');
        const { maxBytes, maxAge, dryRun = false, mounts = false } = options;
        const { host, output } = session;
        const limits = { maxBytes, maxAgeDays: maxAge, dryRun, mounts };
        const collected = await collectCache(() => session.project(), host, limits);
        output.result(collected, describeCollection(collected));
        return 0;
      }),
    );
}
