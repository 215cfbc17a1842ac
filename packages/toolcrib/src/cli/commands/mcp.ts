import type { Registration } from '../program-options.ts';
import { streamsOfAnother } from '../standard-streams.ts';

export function registerMcp({ program, action }: Registration): void {
  program
    .command('mcp')
    .description("serve the sandbox's tools to an MCP client over stdio")
    .argument('<sandbox>', 'docker:NAME, podman:NAME, exec:PREFIX or local:DIR')
    .option('--user <user>', "another user than the sandbox's own")
    .action(
      action(async (session, sandbox: string, options: { user?: string }) => {
        const { execTool } = await import('../../flows/exec-tool.ts');
        const request = { sandbox, args: ['mcp'], ...options, ...streamsOfAnother() };
        return (await execTool(await session.project(), session.host, request)).code;
      }),
    );
}
