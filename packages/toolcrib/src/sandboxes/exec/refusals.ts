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

/**
 * The prefix ended before the shell in the sandbox had said a word.
 * @param said what came on stderr.
 * @param written what came on stdout instead of an answer: docker 20.10 tells there that a program is missing.
 */
export function neverAnswered(prefix: Prefix, end: PrefixEnd, said: string, written = ''): ToolcribError {
  const name = nameOf(prefix);
  // One that was ended was talking to itself, and one that ended well executed nothing.
  const words = said.trim() === '' && end.code !== undefined && end.code !== 0 ? written : said;
  const what = `${name} ${end.how} before /bin/sh answered in the sandbox${told(words)}`;
  if (name === 'ssh' && end.code === SSH_FAILED) {
    const hint = 'ssh could not connect: it must get there without asking, try it with -o BatchMode=yes';
    return new RemoteError('UNREACHABLE', what, { hint });
  }
  return new SandboxError('EXEC_FAILED', what, { hint: hintFor(end, words) });
}

/** What engines, kubectl and chroot say, and what helps then. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/not a (?:tty|terminal)/i, 'leave -t out of the prefix: nobody types there'],
  [
    /no such container|no container with name|pods? "[^"]*" not found/i,
    'there is no such container: name one that is there',
  ],
  [
    /is not running|on running containers|in a completed pod|container not running/i,
    'the container does not run: start it, or name one that runs',
  ],
  [
    /\/bin\/sh\b.*(?:no such file|not found)/is,
    'the sandbox has no /bin/sh, and a prefix needs one: name the container by its engine, docker:NAME or podman:NAME',
  ],
];

function hintFor(end: PrefixEnd, words: string): string {
  const known = KNOWN.find(([pattern]) => pattern.test(words));
  if (known !== undefined) return known[1];
  if (end.code === 0) return 'the prefix must pass on its standard input: docker, podman and kubectl need exec -i';
  return 'the prefix must execute what follows it: try it with "/bin/sh -c id" after it';
}

/** Programs would write other bytes than they mean, and errors between the rest. */
export function givesTerminal(prefix: Prefix, option = '-t'): SandboxError {
  const what = `${nameOf(prefix)} gives programs a terminal, which changes what they write`;
  return refused(what, option === '-t' || option === '--tty' ? `leave ${option} out` : instead(option));
}

/** E.g. for `-it`. */
function instead(option: string): string {
  const rest = option.startsWith('--') ? '' : option.replace('t', '');
  return rest.length > 1 ? `leave the t out: ${rest} instead of ${option}` : `leave ${option} out`;
}

/** The sandbox's programs, and toolcrib's scripts there, throw away by it what they do not need. */
export function withoutNullDevice(prefix: Prefix): SandboxError {
  return refused(
    `/dev/null is not the null device in the sandbox that ${nameOf(prefix)} leads to, or cannot be opened there`,
    'make it there as root: rm -f /dev/null; mknod -m 666 /dev/null c 1 3; or mount a /dev there',
  );
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
