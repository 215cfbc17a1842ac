import { Command, Option } from 'commander';
import { registerArchive } from './commands/archive.ts';
import { registerBuild } from './commands/build.ts';
import { registerCache } from './commands/cache.ts';
import { registerExec } from './commands/exec.ts';
import { registerFetch } from './commands/fetch.ts';
import { registerInit } from './commands/init.ts';
import { registerInject } from './commands/inject.ts';
import { registerMcp } from './commands/mcp.ts';
import { registerPublish } from './commands/publish.ts';
import { registerResolve } from './commands/resolve.ts';
import { registerRun } from './commands/run.ts';
import { registerServe } from './commands/serve.ts';
import { registerStatus } from './commands/status.ts';
import type { Registration } from './program-options.ts';
import type { GlobalOptions } from './session.ts';
import type { Signals } from './signals.ts';
import { VERSION } from './version.ts';

/** The command line, ready to be parsed. */
export interface CommandLineProgram {
  readonly program: Command;
  /** Of the command that ended. */
  readonly exitCode: () => number;
  /** True when the command that was called leaves its streams and exit code to another program. */
  readonly wrapsAnother: () => boolean;
}

/** The whole command line. Nothing heavy is loaded before a command runs. */
export function createProgram(signals: Signals): CommandLineProgram {
  let code = 0;
  const program = new Command('toolcrib')
    .description('Gets the right, verified tool executable into every sandbox, and records what happened there.')
    .version(VERSION)
    .option('--config <file>', 'the configuration (default: toolcrib.json here or above)')
    .option('--json', 'print exactly one JSON document on stdout, also on failure')
    .option('--quiet', 'say nothing but warnings and errors')
    .option('--offline', 'open no socket of the internet')
    .addOption(new Option('--no-progress', 'show no progress bar'))
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  const registration: Registration = {
    program,
    action:
      (work) =>
      async (...args) => {
        const { openSession } = await import('./session.ts');
        code = await work(openSession(program.opts<Partial<GlobalOptions>>(), signals), ...args);
      },
  };
  let command = '';
  program.hook('preSubcommand', (_, called) => {
    command = called.name();
  });
  for (const register of COMMANDS) register(registration);
  return { program, exitCode: () => code, wrapsAnother: () => WRAPPERS.includes(command) };
}

/** Commands that leave the three standard streams, and the exit code, to another program. */
const WRAPPERS = ['run', 'exec', 'mcp'];

const COMMANDS = [
  registerInit,
  registerStatus,
  registerBuild,
  registerPublish,
  registerFetch,
  registerResolve,
  registerInject,
  registerExec,
  registerMcp,
  registerRun,
  registerArchive,
  registerCache,
  registerServe,
];
