import { basename } from 'node:path';
import { RemoteError, SandboxError, type ToolcribError } from '../../core/errors.ts';
import type { Prefix, PrefixEnd } from './prefix-process.ts';

/** In bytes, of what a prefix said that is repeated in a message. */
const TOLD = 400;

/** Exit code of ssh when the failure is its own: ssh(1). */
const SSH_FAILED = 255;

/** The prefix as it is named in messages: its program, because arguments may be secrets. */
export function nameOf(prefix: Prefix): string {
  return basename(prefix.words[0] ?? '');
}

/** The prefix ended before the shell in the sandbox had said a word. */
export function neverAnswered(prefix: Prefix, end: PrefixEnd, said: string): ToolcribError {
  const name = nameOf(prefix);
  const what = `${name} ${end.how} before /bin/sh answered in the sandbox${told(said)}`;
  if (name === 'ssh' && end.code === SSH_FAILED) {
    const hint = 'ssh could not connect: it must get there without asking, try it with -o BatchMode=yes';
    return new RemoteError('UNREACHABLE', what, { hint });
  }
  const hint =
    end.code === 0
      ? 'the prefix must pass on its standard input: docker, podman and kubectl need exec -i'
      : 'the prefix must execute what follows it: try it with "/bin/sh -c id" after it';
  return new SandboxError('EXEC_FAILED', what, { hint });
}

/** The prefix ended, or was ended, before all that was asked for had come. */
export function lostConnection(prefix: Prefix, how: string, said: string): RemoteError {
  return new RemoteError('UNREACHABLE', `${nameOf(prefix)} ${how} before the sandbox had answered${told(said)}`, {
    hint: 'the connection to the sandbox was lost: try again',
  });
}

/** The end of what the prefix said on its stderr, on one line. */
function told(said: string): string {
  const text = said.trim();
  return text === '' ? '' : `: ${JSON.stringify(text.slice(-TOLD))}`;
}

export function refused(message: string, hint: string): SandboxError {
  return new SandboxError('EXEC_FAILED', message, { hint });
}
