import { Command, Option } from 'commander';
import { registerArchive } from './commands/archive.ts';
import { registerBuild } from './commands/build.ts';
import { registerBundle } from './commands/bundle.ts';
import { registerCache } from './commands/cache.ts';
import { registerCheck } from './commands/check.ts';
import { registerCi } from './commands/ci.ts';
import { registerEject } from './commands/eject.ts';
import { registerExec } from './commands/exec.ts';
import { registerFetch } from './commands/fetch.ts';
import { registerInit } from './commands/init.ts';
import { registerInject } from './commands/inject.ts';
import { registerMcp } from './commands/mcp.ts';
import { registerMirror } from './commands/mirror.ts';
import { registerPromote } from './commands/promote.ts';
import { registerPublish } from './commands/publish.ts';
import { registerResolve } from './commands/resolve.ts';
import { registerRevoke } from './commands/revoke.ts';
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

/**
 * The whole command line. Nothing heavy is loaded before a command runs.
 * @param argv what is to be parsed: behind a command's name, `--version` is that command's and names a tool's version.
 */
export function createProgram(signals: Signals, argv: readonly string[] = []): CommandLineProgram {
  let code = 0;
  const program = new Command('toolcrib')
    .description('Gets the right, verified tool executable into every sandbox, and records what happened there.')
    .showHelpAfterError(false)
    .configureHelp({ showGlobalOptions: true })
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
  addGlobalOptions(program, argv);
  return { program, exitCode: () => code, wrapsAnother: () => WRAPPERS.includes(command) };
}

/**
 * Commander looks for them behind a command's name, too. `--version` there is the command's own and names a version of a
 * tool, so the program has to leave it alone.
 */
function addGlobalOptions(program: Command, argv: readonly string[]): void {
  const called = argv.findIndex((word) => program.commands.some((command) => command.name() === word));
  const asked = argv.indexOf('--version');
  if (called < 0 || asked < called) program.version(VERSION);
  program
    .option('--config <file>', 'the configuration (default: toolcrib.json here or above)')
    .option('--json', 'print exactly one JSON document on stdout, also on failure')
    .option('--quiet', 'say nothing but warnings, errors and what was asked for')
    .option('--offline', 'open no socket of the internet')
    .addOption(new Option('--no-progress', 'show no progress bar'));
}

/** Commands that leave the three standard streams, and the exit code, to another program. */
const WRAPPERS = ['run', 'exec', 'mcp'];

const COMMANDS = [
  registerInit,
  registerStatus,
  registerBuild,
  registerPublish,
  registerPromote,
  registerRevoke,
  registerCheck,
  registerCi,
  registerMirror,
  registerBundle,
  registerFetch,
  registerResolve,
  registerInject,
  registerEject,
  registerExec,
  registerMcp,
  registerRun,
  registerArchive,
  registerCache,
  registerServe,
];
