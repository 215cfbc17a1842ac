/** In the order of the help. */
export const COMMAND_NAMES = [
  'init',
  'status',
  'build',
  'validate',
  'publish',
  'promote',
  'revoke',
  'check',
  'ci',
  'mirror',
  'bundle',
  'fetch',
  'resolve',
  'inject',
  'eject',
  'mount-args',
  'exec',
  'mcp',
  'run',
  'archive',
  'cache',
  'ext',
  'serve',
  'doctor',
] as const;

/** A command, as a user writes it. */
export type CommandName = (typeof COMMAND_NAMES)[number];

/**
 * The command that a command line calls; undefined where only the whole program can tell: for its help, where there is none
 * of that name, and where the word may be the value of an option.
 */
export function calledCommand(argv: readonly string[]): CommandName | undefined {
  const first = argv.findIndex((word) => !word.startsWith('-'));
  const isPlain = !argv.slice(0, first).some((word) => ['--config', '--help', '-h'].includes(word));
  return isPlain ? COMMAND_NAMES.find((name) => name === argv[first]) : undefined;
}
