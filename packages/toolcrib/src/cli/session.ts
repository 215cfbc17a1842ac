import { UsageError } from '../core/errors.ts';
import { createHost, type Host } from '../flows/host.ts';
import type { BuildDialogue } from '../flows/local-builder.ts';
import type { Project } from '../flows/project.ts';
import { isActionsRunner } from '../report/github-actions.ts';
import { createOutput, type Output } from './output.ts';
import type { Signals } from './signals.ts';
import { standardStreams, stderrIsTerminal } from './standard-streams.ts';
import { createTerminalReporter } from './terminal-reporter.ts';

/** The options that stand before every command. */
export interface GlobalOptions {
  readonly config?: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly offline: boolean;
  /** False with `--no-progress`. */
  readonly progress: boolean;
}

/** What a command works with: the machine, where its words go, and the project it stands in. */
export interface Session {
  readonly host: Host;
  readonly signals: Signals;
  readonly output: Output;
  project(): Promise<Project>;
  /** The same of a checkout that may be anybody's: its configuration is under git, and nothing that a link leads to. */
  checkedOutProject(): Promise<Project>;
  /** Whom to ask whether something shall be built; undefined where nobody would answer. */
  dialogue(): Promise<BuildDialogue | undefined>;
}

export function openSession(given: Partial<GlobalOptions>, signals: Signals): Session {
  const options = { json: false, quiet: false, offline: false, progress: true, ...given };
  const onRunner = isActionsRunner(process.env);
  const host = createHost({
    env: process.env,
    cwd: workingDirectory(),
    offline: options.offline,
    signal: signals.abort,
    reporter: createTerminalReporter(standardStreams, {
      quiet: options.quiet,
      bars: options.progress && !options.json,
      onRunner,
    }),
  });
  const named = options.config === undefined ? {} : { config: options.config };
  return {
    host,
    signals,
    output: createOutput(standardStreams, { ...options, onRunner }),
    async project() {
      const { openProject } = await import('../flows/project.ts');
      return openProject(host, named);
    },
    async checkedOutProject() {
      const { openCheckedOutProject } = await import('../flows/checked-out-project.ts');
      return openCheckedOutProject(host, named);
    },
    async dialogue() {
      if (!stderrIsTerminal()) return undefined; // before stdin is opened, which costs more than the rest of a look-up
      const { dialogueOn } = await import('./prompt.ts');
      return dialogueOn(
        { input: process.stdin, output: standardStreams.stderr },
        { json: options.json, env: host.env },
      );
    },
  };
}

/** @throws UsageError `USAGE` when it was deleted under us. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    const message = 'the working directory does not exist any more';
    throw new UsageError('USAGE', message, { hint: 'change to one that does', cause: error });
  }
}
