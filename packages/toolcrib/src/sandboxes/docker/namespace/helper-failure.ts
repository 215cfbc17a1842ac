import { getSystemErrorMap } from 'node:util';
import { SandboxError } from '../../../core/errors.ts';

/** The words of native/namespace-helper for what it was doing, as parts of a sentence. */
const DOING: Readonly<Record<string, string>> = {
  start: 'could not start its work',
  usage: 'was called wrongly',
  process: "did not find the container's process",
  users: "found the container's process in a user namespace that the engine does not tell of",
  mounts: "found the container's process in a mount namespace that the engine did not make",
  join: "could not enter the container's mount namespace",
  examine: 'could not examine a directory',
  open: 'could not open what stands in the way',
  path: 'cannot go that way',
  source: 'could not open the directory of this host',
  overlay: 'could not make an overlay of the directory of this host',
  mount: 'could not mount the directory of this host',
  make: 'could not make a directory',
  create: 'could not create a file or link',
  own: 'could not give root what it made',
  write: 'could not write',
  rename: 'could not give the tree its name',
  changed: 'found that somebody else changed what it wrote or read',
  read: 'could not read',
  tree: 'found a tree that is too large',
  remove: 'could not remove everything',
  input: 'did not get its input',
  output: 'could not write its output',
};

/**
 * What the helper's failure is to callers.
 * @param line what it wrote to stderr: a word and an error number, 0 when no call of the kernel failed.
 * @param how how its process ended, for when it said nothing.
 */
export function helperFailure(line: string, how: string): SandboxError {
  const { word = '', number = '' } = /^(?<word>[a-z]+) (?<number>\d{1,5})\n$/.exec(line)?.groups ?? {};
  const doing = Object.hasOwn(DOING, word) ? DOING[word] : undefined;
  if (doing === undefined) return new SandboxError('NOT_INJECTABLE', `the namespace helper ${how}`);
  return new SandboxError('NOT_INJECTABLE', `the namespace helper ${doing}${reasonOf(Number(number))}`, {
    details: { doing: word, errno: Number(number) },
  });
}

/** The oldest version of Linux that has what is called. */
const OLDEST = '5.8';

function reasonOf(number: number): string {
  if (number === 0) return '';
  const [name, text] = getSystemErrorMap().get(-number) ?? [`error ${number}`, ''];
  if (name === 'ENOSYS') return `: this kernel is older than Linux ${OLDEST}`;
  return `: ${text || name} (${name})`;
}
