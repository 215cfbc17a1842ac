#!/usr/bin/env node
import { InterruptedError, messageOf, UsageError } from '../core/errors.ts';
import { exitCodeOf } from './exit-codes.ts';
import { createOutput } from './output.ts';
import { createProgram } from './program.ts';

/** Ctrl-C and a polite end abort what is running; a second one ends the process at once. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(new InterruptedError(`interrupted by ${name}; nothing half-done was left`));
    });
  }
  return controller.signal;
}

async function main(argv: readonly string[]): Promise<number> {
  const signal = abortOnSignals();
  const { program, exitCode } = createProgram(signal);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exitCode();
  } catch (error) {
    const failure = signal.aborted ? signal.reason : asUsageError(error);
    if (failure === undefined) return 0; // help or version was printed
    createOutput(process, { json: argv.includes('--json'), quiet: false }).fail(failure);
    return exitCodeOf(failure);
  }
}

/** Commander's own errors are about the command line; undefined for the ones that only say that help was shown. */
function asUsageError(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('commander.')) return error;
  if ('exitCode' in error && error.exitCode === 0) return undefined;
  return new UsageError('USAGE', messageOf(error).replace(/^error: /, ''), {
    hint: '"toolcrib --help" lists the commands',
  });
}

/** A reader that went away (`| head`) is no failure of ours. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await main(process.argv.slice(2));
