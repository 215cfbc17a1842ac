import { Option } from 'commander';
import { UsageError } from '../../core/errors.ts';
import type { RecordRunRequest } from '../../flows/record-run.ts';
import { verifyResultApart, writeResult } from '../child-result.ts';
import { collectAssignment, parseTimeout, type Registration } from '../program-options.ts';
import type { Session } from '../session.ts';
import type { Signals } from '../signals.ts';
import { streamsOfAnother } from '../standard-streams.ts';
import { hasTerminal } from '../terminal-group.ts';

interface RunOptions extends Omit<RecordRunRequest, 'command' | 'signals' | 'redact' | 'place'> {
  readonly sandbox?: string;
  readonly user?: string;
  readonly cwd?: string;
  readonly redact?: 'shape_and_flag' | 'shape_only';
  readonly unsafeDisableRedaction?: boolean;
  readonly result?: string;
}

export function registerRun({ program, action }: Registration): void {
  const command = program
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
    .option(
      '--sandbox <sandbox>',
      'run it there, by the injected tool: docker:NAME, podman:NAME, exec:PREFIX, local:DIR',
    )
    .option('--user <user>', "another user than the sandbox's own")
    .option('--cwd <dir>', 'where it stands, an absolute path of the sandbox');
  for (const option of captureOptions()) command.addOption(option);
  command.option('--result <file>', 'write what happened as JSON').action(
    action(async (session, words: string[], options: RunOptions) => {
      const { recordRun } = await import('../../flows/record-run.ts');
      const { result, redact, unsafeDisableRedaction = false, sandbox, user, cwd, ...request } = options;
      const { output, policyLog, sdkLog } = request;
      const files = { '--output': output, '--policy-log': policyLog, '--sdk-log': sdkLog };
      verifyResultApart(result, new Map(Object.entries(files)));
      const place = await placeOf(session, { sandbox, user, cwd });
      const signals = forwarded(session.signals, request.timeout === undefined && place === undefined);
      const mode = unsafeDisableRedaction ? 'disabled_unsafe' : redact;
      const recorded = await recordRun(session.host, {
        ...request,
        command: words,
        signals,
        ...(mode !== undefined && { redact: mode }),
        ...(place !== undefined && { place }),
      });
      if (recorded.spawnError !== null) session.output.say(`toolcrib: ${words.join(' ')}: ${recorded.spawnError}`);
      if (recorded.timedOut) session.output.say(`toolcrib: ended after ${request.timeout ?? 0} s`);
      await writeResult(result, recorded);
      return recorded.exitStatus;
    }),
  );
}

/** Where the command is to run; undefined for this machine. @throws UsageError `USAGE`. */
async function placeOf(
  session: Session,
  { sandbox, user, cwd }: { readonly [name in 'sandbox' | 'user' | 'cwd']: string | undefined },
): Promise<RecordRunRequest['place']> {
  if (sandbox === undefined) {
    if (user === undefined && cwd === undefined) return undefined;
    throw new UsageError('USAGE', `--${user === undefined ? 'cwd' : 'user'} is for a command in a sandbox`, {
      hint: 'name it with --sandbox, e.g. --sandbox docker:web',
    });
  }
  const project = await session.project();
  return {
    project,
    sandbox,
    ...streamsOfAnother(),
    ...(user !== undefined && { user }),
    ...(cwd !== undefined && { workdir: cwd }),
  };
}

/** What is observed, read and hidden. */
function captureOptions(): readonly Option[] {
  return [
    new Option('--kernel <how>', 'how the kernel is observed (default: auto, the best that this machine can)').choices([
      'ebpf',
      'ptrace',
      'auto',
      'off',
    ]),
    new Option('--drain <seconds>', 'observe what the command left running for so long (default: 10)').argParser(
      parseDrain,
    ),
    new Option('--raw', 'keep everything that was observed, too'),
    new Option('--policy-log <file>', "the decision log of a gate: becomes the archive's policy layer"),
    new Option('--sdk-log <file>', "the event log of the agent's SDK: becomes the SDK layer; needs --agent-shim"),
    new Option('--agent-shim <name>', 'the SDK that the command reports from').choices([
      'none',
      'openai-agents',
      'gemini-google-genai',
    ]),
    new Option('--redact <what>', 'secrets by their shape and behind credential flags, or by shape alone').choices([
      'shape_and_flag',
      'shape_only',
    ]),
    new Option(
      '--redaction-key <key>',
      "the host's, so that placeholders of several runs compare, or one run's",
    ).choices(['host-local', 'ephemeral']),
    new Option('--unsafe-disable-redaction', 'record secrets as they are; verify refuses such an archive'),
    new Option('--sign <key>', 'sign the manifest with a private key in PEM, Ed25519 or ECDSA on P-256'),
  ];
}

/** For `--drain`, which takes a time in seconds; 0 does not wait at all. @throws UsageError `USAGE`. */
function parseDrain(value: string): number {
  const seconds = value.trim() === '' ? -1 : Number(value);
  if (seconds >= 0 && seconds <= 3600) return seconds;
  throw new UsageError('USAGE', `--drain takes seconds from 0 to 3600, found ${JSON.stringify(value)}`, {
    hint: 'e.g. --drain 10',
  });
}

/** What a terminal sends to its whole foreground group when it is typed. */
const TYPED: readonly string[] = ['SIGINT', 'SIGQUIT'];

/** What goes on to the command. What is typed at a terminal reaches it by itself, unless it runs in a session of its own. */
function forwarded({ subscribe }: Signals, isInOurGroup: boolean): NonNullable<RecordRunRequest['signals']> {
  return { subscribe, reachesCommand: (signal) => isInOurGroup && TYPED.includes(signal) && hasTerminal() };
}
