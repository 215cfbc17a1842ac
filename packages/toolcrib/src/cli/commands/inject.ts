import { NOT_INJECTABLE } from '../exit-codes.ts';
import type { Registration } from '../program-options.ts';
import type { Session } from '../session.ts';

interface InjectOptions {
  readonly plan?: boolean;
}

export function registerInject({ program, action }: Registration): void {
  program
    .command('inject')
    .description('resolve the tool for a sandbox, place it there and prove that it runs')
    .argument('<sandbox>', 'docker:NAME, podman:NAME, exec:PREFIX or local:DIR')
    .option('--plan', 'tell every target and every way, usable or not, and why; place nothing')
    .action(
      action(async (session, sandbox: string, { plan = false }: InjectOptions) => {
        if (plan) return await planOnly(session, sandbox);
        const { injectTool } = await import('../../flows/inject-tool.ts');
        const { describeInjection } = await import('../../report/injection-text.ts');
        const dialogue = await session.dialogue();
        const injection = await injectTool(await session.project(), session.host, { sandbox, dialogue });
        session.output.result(injection, describeInjection(injection));
        return 0;
      }),
    );
}

async function planOnly(session: Session, sandbox: string): Promise<number> {
  const { planInjection } = await import('../../flows/plan-injection.ts');
  const { describeInjectionPlan } = await import('../../report/injection-plan-text.ts');
  const plan = await planInjection(await session.project(), session.host, { sandbox });
  session.output.result(plan, describeInjectionPlan(plan));
  return plan.possible ? 0 : NOT_INJECTABLE;
}
