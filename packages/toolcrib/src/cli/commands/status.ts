import type { Registration } from '../program-options.ts';

export function registerStatus({ program, action }: Registration): void {
  program
    .command('status')
    .description('tell version, targets, pins, and where each target would come from')
    .action(
      action(async (session) => {
        const { readStatus } = await import('../../flows/read-status.ts');
        const { describeStatus } = await import('../../report/status-text.ts');
        const status = await readStatus(await session.project(), session.host);
        session.output.result(status, describeStatus(status));
        return 0;
      }),
    );
}
