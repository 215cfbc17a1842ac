import type { Outcome } from './shell-session.ts';

/** What a tool says to its caller. */
export interface ToolAnswer {
  readonly text: string;
  readonly isError: boolean;
}

type Kind<K extends Outcome['kind']> = Extract<Outcome, { kind: K }>;

/** A command that ran to its end; a code other than 0 is an answer, not an error of the tool. */
export function describeFinish(outcome: Kind<'finished'>): ToolAnswer {
  return { text: withStatus(outcome.output, `exit code ${outcome.exitCode}`), isError: false };
}

/** A command that ended the session's shell. */
export function describeEnd(outcome: Kind<'ended'>): ToolAnswer {
  const { exitCode, signal, error } = outcome.end;
  const next = 'the next call starts a new session';
  if (error !== undefined)
    return { text: withStatus(outcome.output, `the shell could not be started: ${error.message}`), isError: true };
  if (signal !== null)
    return { text: withStatus(outcome.output, `the shell was killed by ${signal}; ${next}`), isError: true };
  return {
    text: withStatus(outcome.output, `the shell ended with exit code ${exitCode ?? 0}; ${next}`),
    isError: false,
  };
}

/** A command that was ended before it was done. `cwd`: where the next session starts, when that is kept. */
export function describeInterruption(
  outcome: Kind<'interrupted'>,
  seconds: number,
  cwd: string | undefined,
): ToolAnswer {
  const reasons = {
    timeout: `timed out after ${seconds} s: the command was ended`,
    cancelled: 'cancelled: the command was ended',
    restart: 'the command was ended by a restart of the session',
  };
  const where = cwd === undefined ? '' : `, in ${cwd}`;
  const left = outcome.survivors.length === 0 ? '' : `; could not end: pid ${outcome.survivors.join(', ')}`;
  const status = `${reasons[outcome.why]} with everything that it started; the next call starts a new session${where}, without the variables of this one${left}`;
  return { text: withStatus(outcome.output, status), isError: true };
}

function withStatus(output: string, status: string): string {
  const separator = output === '' || output.endsWith('\n') ? '' : '\n';
  return `${output}${separator}[${status}]`;
}
