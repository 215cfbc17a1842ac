import { messageOf, UsageError } from '../../core/errors.ts';
import { writeResult } from '../child-result.ts';
import { collectAssignment, parseTimeout, type Registration } from '../program-options.ts';
import { streamsOfAnother } from '../standard-streams.ts';

interface ExecOptions {
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeout?: number;
  readonly result?: string;
}

export function registerExec({ program, action }: Registration): void {
  program
    .command('exec')
    .description('run the injected tool in a sandbox; exits with its code')
    .exitOverride((error) => {
      throw error.code === 'commander.missingArgument' ? withExample(error) : error;
    })
    .argument('<sandbox>', 'docker:NAME, podman:NAME, exec:PREFIX or local:DIR')
    .argument('<args...>', 'what the tool gets, after --, e.g. -- version')
    .option('--user <user>', "another user than the sandbox's own")
    .option('--env <name=value>', 'for what the tool runs, not for the tool; may be given again', collectAssignment)
    .option('--cwd <dir>', 'where what the tool runs stands, an absolute path of the sandbox')
    .option('--timeout <seconds>', 'end it after that time', parseTimeout)
    .option('--result <file>', 'write what happened as JSON')
    .action(
      action(async (session, sandbox: string, args: string[], options: ExecOptions) => {
        const { execTool } = await import('../../flows/exec-tool.ts');
        const { result, ...request } = options;
        const ended = await execTool(await session.project(), session.host, {
          sandbox,
          args,
          ...request,
          ...streamsOfAnother(),
        });
        await writeResult(result, ended);
        return ended.code;
      }),
    );
}

function withExample(error: Error): UsageError {
  return new UsageError('USAGE', messageOf(error).replace(/^error: /, ''), {
    hint: 'e.g. toolcrib exec docker:web -- version; "toolcrib exec --help" tells what it takes',
  });
}
