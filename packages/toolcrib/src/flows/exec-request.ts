import { UsageError } from '../core/errors.ts';
import type { ExecRequest } from './exec-tool.ts';

/** In seconds: a week. */
export const LONGEST_TIMEOUT = 7 * 24 * 3600;

/**
 * Refuses what no sandbox could be asked for, before one is opened.
 * @throws UsageError `USAGE`.
 */
export function verifyExecRequest(request: Pick<ExecRequest, 'args' | 'user' | 'env' | 'cwd' | 'timeout'>): void {
  const { args, user, env = {}, cwd, timeout } = request;
  for (const [name, value] of Object.entries(env)) verifyVariable(name, value);
  if (args.some(hasNul)) throw usage('an argument holds a NUL byte', 'no program can be given one');
  if (user === '' || (user !== undefined && hasNul(user)))
    throw usage(
      '--user takes a name or a uid, found none',
      "e.g. --user 1000; leave it out for the sandbox's own user",
    );
  if (cwd !== undefined && (!cwd.startsWith('/') || hasNul(cwd)))
    throw usage(`--cwd takes an absolute path of the sandbox, found ${JSON.stringify(cwd)}`, 'e.g. --cwd /workspace');
  if (timeout !== undefined && !(timeout > 0 && timeout <= LONGEST_TIMEOUT))
    throw usage(`--timeout takes seconds above 0 and up to a week, found ${timeout}`, 'e.g. --timeout 60');
}

function verifyVariable(name: string, value: string): void {
  const quoted = JSON.stringify(name);
  if (name === '' || name.includes('=') || hasNul(name))
    throw usage(`--env takes NAME=VALUE, and ${quoted} cannot be the name of a variable`, 'e.g. --env LANG=C');
  if (hasNul(value)) throw usage(`--env ${name}: the value holds a NUL byte`, 'no variable can hold one');
  if (name.startsWith('TOOLCRIB_'))
    throw usage(
      `--env ${name}: no variable of that kind reaches a command`,
      "names that begin with TOOLCRIB_ are toolcrib's own",
    );
}

function hasNul(text: string): boolean {
  return text.includes('\0');
}

function usage(message: string, hint: string): UsageError {
  return new UsageError('USAGE', message, { hint });
}
