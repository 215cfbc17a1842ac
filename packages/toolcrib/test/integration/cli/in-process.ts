import { Command } from 'commander';
import { exitCodeOf } from '../../../src/cli/exit-codes.ts';
import { createOutput } from '../../../src/cli/output.ts';
import type { Registration } from '../../../src/cli/program-options.ts';
import { createHost } from '../../../src/flows/host.ts';
import { openProject } from '../../../src/flows/project.ts';
import { cliEnvironment } from './command-line.ts';

/** How a command ended, and its one JSON document. */
export interface CommandEnd {
  readonly code: number;
  readonly document: unknown;
}

/**
 * Runs a command with `--json` in this process, which starts no other: for tests of what it does. That it stands on the
 * real command line is for tests of {@link file://./command-line.ts}.
 * @param register of the command.
 * @param args as on the command line; `--offline` comes first if at all.
 */
export async function runCommand(
  register: (registration: Registration) => void,
  folder: string,
  args: readonly string[],
): Promise<CommandEnd> {
  const said: string[] = [];
  const output = createOutput({ stdout: { write: (text) => said.push(text) }, stderr: { write: () => 0 } }, JSON_ONLY);
  const signals = { abort: new AbortController().signal, subscribe: () => () => undefined };
  const offline = args[0] === '--offline';
  const host = createHost({ cwd: folder, env: cliEnvironment(folder), offline });
  const project = (): ReturnType<typeof openProject> => openProject(host);
  const dialogue = () => Promise.resolve(undefined);
  const session = { host, signals, output, project, checkedOutProject: project, dialogue };
  let code = 0;
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  register({
    program,
    action:
      (work) =>
      async (...given) => {
        code = await work(session, ...given);
      },
  });
  try {
    await program.parseAsync(offline ? args.slice(1) : args, { from: 'user' });
  } catch (error) {
    output.fail(error);
    code = exitCodeOf(error);
  }
  const document: unknown = JSON.parse(said.join(''));
  return { code, document };
}

const JSON_ONLY = { json: true, quiet: true };
