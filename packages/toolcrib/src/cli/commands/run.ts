import { writeResult } from '../child-result.ts';
import type { Signals } from '../signals.ts';
import { collectAssignment, parseTimeout, type Registration } from '../program-options.ts';

interface RunOptions {
  readonly output: string;
  readonly runId?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly result?: string;
}

export function registerRun({ program, action }: Registration): void {
  program
    .command('run')
    .description("run a command and record it in an evidence archive; exits with the command's own code")
    .argument('<command...>', 'the command, after --')
    .requiredOption('-o, --output <file>', 'where the archive goes (.tar.gz)')
    .option('--run-id <id>', 'letters, digits, _ and - (default: a random one)')
    .option(
      '--env <name=value>',
      'set for the command; only its name is recorded; may be given again',
      collectAssignment,
    )
    .option('--timeout <seconds>', 'end the command after that time', parseTimeout)
    .option('--result <file>', 'write what happened as JSON')
    .action(
      action(async (session, command: string[], options: RunOptions) => {
        const { recordRun } = await import('../../flows/record-run.ts');
        const { result, ...request } = options;
        const signals = forwarded(session.signals, request.timeout === undefined);
        const recorded = await recordRun(session.host, { command, signals, ...request });
        if (recorded.spawnError !== null) session.output.say(`toolcrib: ${command.join(' ')}: ${recorded.spawnError}`);
        if (recorded.timedOut) session.output.say(`toolcrib: ended after ${request.timeout ?? 0} s`);
        await writeResult(result, recorded);
        return recorded.exitStatus;
      }),
    );
}

/**
 * What goes on to the command. At a terminal Ctrl-C reaches it by itself, unless it runs in a session of its own.
 */
function forwarded(signals: Signals, sharesTerminal: boolean): Pick<Signals, 'subscribe'> {
  if (!sharesTerminal || !process.stdin.isTTY) return signals;
  return {
    subscribe: (listener) => signals.subscribe((name) => (name === 'SIGINT' ? undefined : listener(name))),
  };
}
