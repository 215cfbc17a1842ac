import { Command, Option } from 'commander';
import { calledCommand, COMMAND_NAMES, type CommandName } from './command-names.ts';
import type { Register, Registration } from './program-options.ts';
import type { GlobalOptions } from './session.ts';
import type { Signals } from './signals.ts';
import { standardStreams } from './standard-streams.ts';

/** The command line, ready to be parsed. */
export interface CommandLineProgram {
  readonly program: Command;
  /** Of the command that ended. */
  readonly exitCode: () => number;
  /** True when the command that was called leaves its streams and exit code to another program. */
  readonly wrapsAnother: () => boolean;
}

/**
 * The command line: the command that is called, or the whole of it. Nothing heavy is loaded before a command runs.
 * @param argv what is to be parsed: behind a command's name, `--version` is that command's and names a tool's version.
 * @param version of the package.
 */
export async function createProgram(
  signals: Signals,
  argv: readonly string[] = [],
  version = '',
): Promise<CommandLineProgram> {
  let code = 0;
  const program = new Command('toolcrib')
    .description('Gets the right, verified tool executable into every sandbox, and records what happened there.')
    .showHelpAfterError(false)
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({ writeOut: (text) => void standardStreams.stdout.write(text), writeErr: () => undefined });
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
  for (const register of await registersFor(argv)) register(registration);
  addGlobalOptions(program, argv, version);
  return { program, exitCode: () => code, wrapsAnother: () => WRAPPERS.includes(command) };
}

/**
 * Commander looks for them behind a command's name, too. `--version` there is the command's own and names a version of a
 * tool, so the program has to leave it alone.
 */
function addGlobalOptions(program: Command, argv: readonly string[], version: string): void {
  const called = argv.findIndex((word) => program.commands.some((command) => command.name() === word));
  const asked = argv.indexOf('--version');
  if (called < 0 || asked < called) program.version(version);
  program
    .option('--config <file>', 'the configuration (default: toolcrib.json here or above)')
    .option(
      '--json',
      'print exactly one JSON document on stdout, also on failure; run, exec and mcp: on stderr, on failure only',
    )
    .option('--quiet', 'say nothing but warnings, errors and what was asked for')
    .option('--offline', 'open no socket of the internet; commands of your own are not bound by it')
    .addOption(new Option('--no-progress', 'show no progress bar'));
}

/** Commands that leave the three standard streams, and the exit code, to another program. */
const WRAPPERS = ['run', 'exec', 'mcp'];

const COMMANDS: Readonly<Record<CommandName, () => Promise<Register>>> = {
  init: async () => (await import('./commands/init.ts')).registerInit,
  status: async () => (await import('./commands/status.ts')).registerStatus,
  build: async () => (await import('./commands/build.ts')).registerBuild,
  validate: async () => (await import('./commands/validate.ts')).registerValidate,
  publish: async () => (await import('./commands/publish.ts')).registerPublish,
  promote: async () => (await import('./commands/promote.ts')).registerPromote,
  revoke: async () => (await import('./commands/revoke.ts')).registerRevoke,
  check: async () => (await import('./commands/check.ts')).registerCheck,
  ci: async () => (await import('./commands/ci.ts')).registerCi,
  mirror: async () => (await import('./commands/mirror.ts')).registerMirror,
  bundle: async () => (await import('./commands/bundle.ts')).registerBundle,
  fetch: async () => (await import('./commands/fetch.ts')).registerFetch,
  resolve: async () => (await import('./commands/resolve.ts')).registerResolve,
  inject: async () => (await import('./commands/inject.ts')).registerInject,
  eject: async () => (await import('./commands/eject.ts')).registerEject,
  'mount-args': async () => (await import('./commands/mount-args.ts')).registerMountArgs,
  exec: async () => (await import('./commands/exec.ts')).registerExec,
  mcp: async () => (await import('./commands/mcp.ts')).registerMcp,
  run: async () => (await import('./commands/run.ts')).registerRun,
  archive: async () => (await import('./commands/archive.ts')).registerArchive,
  cache: async () => (await import('./commands/cache.ts')).registerCache,
  ext: async () => (await import('./commands/ext.ts')).registerExt,
  serve: async () => (await import('./commands/serve.ts')).registerServe,
  doctor: async () => (await import('./commands/doctor.ts')).registerDoctor,
};

/** Loads the command that is called, and nothing else; all of them where only the whole program can tell which it is. */
async function registersFor(argv: readonly string[]): Promise<readonly Register[]> {
  const called = calledCommand(argv);
  return await Promise.all((called === undefined ? COMMAND_NAMES : [called]).map((name) => COMMANDS[name]()));
}
