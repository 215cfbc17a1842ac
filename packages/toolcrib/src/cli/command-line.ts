import type { Command } from 'commander';
import { InterruptedError, messageOf, UsageError } from '../core/errors.ts';
import { isActionsRunner } from '../report/github-actions.ts';
import { exitCodeOf, runInterruptedBy, WRAPPER_FAILED } from './exit-codes.ts';
import { createOutput } from './output.ts';
import { createProgram } from './program.ts';
import { listenToSignals } from './signals.ts';
import { standardStreams } from './standard-streams.ts';

/**
 * Runs a command line to its end.
 * @param argv what stands after the program's name.
 * @param version of the package.
 * @returns the exit code; failures are told on stderr, or on stdout with `--json`.
 */
export async function runCommandLine(argv: readonly string[], version: string): Promise<number> {
  keepQuietAboutExperiments();
  const signals = listenToSignals(process);
  const { program, exitCode, wrapsAnother } = await createProgram(signals, argv, version);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode();
  } catch (error) {
    const command = commandIn(program, argv);
    const failure: unknown = signals.abort.aborted
      ? interrupted(signals.abort.reason, command)
      : asUsageError(error, command);
    if (failure === undefined) return 0; // help or version was printed
    // The stdout of a wrapper belongs to the other program: with --json the document goes to stderr.
    const { stderr } = standardStreams;
    const streams = wrapsAnother() ? { stdout: stderr, stderr } : standardStreams;
    const options = { json: wantsJson(argv), quiet: false, onRunner: isActionsRunner(process.env) };
    createOutput(streams, options).fail(failure);
    // A failure of ours is not taken for the other program's own.
    if (failure instanceof InterruptedError)
      return command[1] === 'run' ? runInterruptedBy(failure) : exitCodeOf(failure);
    return wrapsAnother() ? WRAPPER_FAILED : exitCodeOf(failure);
  }
}

/** Commands that go on where they were interrupted. */
const RESUMED = ['publish', 'promote', 'mirror'];

function interrupted(reason: unknown, [, command = '']: readonly string[]): unknown {
  if (!(reason instanceof InterruptedError) || !RESUMED.includes(command)) return reason;
  return new InterruptedError(reason.message, {
    hint: 'repeat the command: it completes what it began; "toolcrib status" tells what is open',
    cause: reason,
  });
}

/** What stands after `--` is for another program. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).includes('--json');
}

const LACKS_COMMAND: readonly string[] = ['commander.unknownCommand', 'commander.help'];

/** Commander's own errors are about the command line; undefined for the ones that only say that help was shown. */
function asUsageError(error: unknown, command: readonly string[]): unknown {
  if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('commander.')) return error;
  if ('exitCode' in error && error.exitCode === 0) return undefined;
  const message = error.code === 'commander.help' ? 'no command given' : messageOf(error).replace(/^error: /, '');
  const isOfCommand = command.length > 1 && !LACKS_COMMAND.includes(String(error.code));
  const hint = `"${command.join(' ')} --help" ${isOfCommand ? 'tells what it takes' : 'lists the commands'}`;
  return new UsageError('USAGE', message, { hint });
}

/** The words of a command line that name its command, the program first; options may stand between them. */
function commandIn(program: Command, argv: readonly string[]): readonly string[] {
  let [at, names] = [program, [program.name()]];
  for (const word of argv) {
    const called = at.commands.find((command) => command.name() === word);
    if (called === undefined) continue;
    [at, names] = [called, [...names, word]];
  }
  return names;
}

/** Node 22 calls its SQLite experimental each time it is loaded; a user can do nothing about that. */
function keepQuietAboutExperiments(): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'ExperimentalWarning') standardStreams.stderr.write(`${String(warning)}\n`);
  });
}
