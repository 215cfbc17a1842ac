import { basename } from 'node:path';

/** Programs whose `exec` is known to give a terminal to who asks for one. */
const CLIENTS = ['docker', 'podman', 'nerdctl', 'kubectl', 'oc'];

/** Their options of `exec` that take the next word, unless it stands behind a `=`. */
const TAKING = [
  ...['-e', '--env', '--env-file', '-u', '--user', '-w', '--workdir', '--detach-keys', '--preserve-fds'],
  ...['-n', '--namespace', '-c', '--container', '-f', '--filename', '--pod-running-timeout'],
];

/**
 * The word of a prefix that asks for a terminal, e.g. `-it` of `docker exec -it web`. With one, and without `-i`, the
 * shell would wait for a person, and nothing would ever answer.
 * @param words also of a prefix in which the client is started by something else: `ssh HOST docker exec -t web`.
 */
export function terminalOptionIn(words: readonly string[]): string | undefined {
  const client = words.findIndex((word) => CLIENTS.includes(basename(word)));
  const exec = client < 0 ? -1 : words.indexOf('exec', client);
  if (exec < 0) return undefined;
  for (let at = exec + 1; at < words.length; at++) {
    const word = words[at] ?? '';
    // What follows is the sandbox, and then a command with options of its own.
    if (!word.startsWith('-') || word === '--') return undefined;
    if (/^-[di]*t[dit]*$/.test(word) || /^--tty(?:=true)?$/.test(word)) return word;
    if (TAKING.includes(word)) at += 1;
  }
  return undefined;
}
