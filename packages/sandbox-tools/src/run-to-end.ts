import type { ChildProcess } from 'node:child_process';
import { endOfChild, type CommandEnd } from './command-end.ts';
import { refuseStart, type HeldProgram } from './held-command.ts';

/**
 * A file that cannot be executed is an error of the start, or an event behind it. One that comes when there is a process is
 * no refusal, whatever it is: the command has run.
 *
 * @returns undefined when the runtime does not tell how it ended.
 */
export async function runToEnd(program: HeldProgram, begin: () => ChildProcess): Promise<CommandEnd | undefined> {
  try {
    const child = begin();
    return await new Promise<CommandEnd | undefined>((resolve, reject) => {
      child.on('error', (error) => (child.pid === undefined ? reject(error) : undefined));
      child.once('exit', (code, signal) => resolve(endOfChild(code, signal)));
    });
  } catch (error) {
    return { how: 'refused', number: refuseStart(program, error) };
  }
}
