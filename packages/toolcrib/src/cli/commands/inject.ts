import { dialogueOn } from '../prompt.ts';
import type { Registration } from '../program-options.ts';

export function registerInject({ program, action }: Registration): void {
  program
    .command('inject')
    .description('resolve the tool for a sandbox, place it there and prove that it runs')
    .argument('<sandbox>', 'docker:NAME, podman:NAME or local:DIR')
    .action(
      action(async (session, sandbox: string) => {
        const { injectTool } = await import('../../flows/inject-tool.ts');
        const { describeInjection } = await import('../../report/injection-text.ts');
        const { host, output } = session;
        const dialogue = dialogueOn({ input: process.stdin, output: process.stderr }, { ...output, env: host.env });
        const injection = await injectTool(await session.project(), host, { sandbox, dialogue });
        output.result(injection, describeInjection(injection));
        return 0;
      }),
    );
}
