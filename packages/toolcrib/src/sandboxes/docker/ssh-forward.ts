import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RemoteError } from '../../core/errors.ts';
import { removeBelow } from '../../disk/remove-below.ts';
import type { SshEndpoint } from './endpoint.ts';
import type { ConnectionOptions } from './engine-connection.ts';

/** A socket on this machine that leads to one on another. */
export interface SshForward {
  readonly socketPath: string;
  close(): void;
}

/** What a forward is made with besides the endpoint. */
export interface ForwardOptions extends ConnectionOptions {
  /** The environment of `ssh`: its PATH, its agent. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** In milliseconds. */
const PATIENCE = 30_000;
const POLL = 20;
/** In bytes, of what ssh says. */
const MAX_WORDS = 2000;

/**
 * Lets the `ssh` command carry connections to the socket of an engine, with the keys, hosts and settings that the user
 * has for it. It asks nothing: what it needs a password for fails.
 * @throws RemoteError `UNREACHABLE` with ssh's words; the signal's reason.
 */
export async function forwardSocket(endpoint: SshEndpoint, options: ForwardOptions): Promise<SshForward> {
  options.signal?.throwIfAborted();
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-ssh-'));
  const socketPath = join(folder, 'engine.sock');
  const child = spawn('ssh', argumentsOf(endpoint, socketPath), {
    env: { ...options.env },
    // Ctrl-C is not for it: what is half placed is still taken away through it.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const close = () => {
    child.kill();
    // Nobody waits for it: what is left is an empty folder at most.
    removeBelow(tmpdir(), folder).catch(() => undefined);
  };
  try {
    await ready(child, socketPath, options);
    return { socketPath, close };
  } catch (error) {
    close();
    if (options.signal?.aborted === true) throw options.signal.reason;
    throw new RemoteError(
      'UNREACHABLE',
      `ssh does not lead to the engine at ${endpoint.address}: ${error instanceof Error ? error.message : ''}`,
      {
        hint: `see that \`ssh ${endpoint.host}\` logs in without asking, and that the engine's socket is there`,
        details: { address: endpoint.address },
        cause: error,
      },
    );
  }
}

/** A connection of its own, since one that is shared would keep the socket after we are gone. */
function argumentsOf({ user, host, port, socketPath }: SshEndpoint, local: string): readonly string[] {
  return [
    ...['-n', '-N', '-T', '-S', 'none'],
    ...['-o', 'BatchMode=yes', '-o', 'ExitOnForwardFailure=yes', '-L', `${local}:${socketPath}`],
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...['--', host],
  ];
}

async function ready(child: ChildProcess, socketPath: string, { signal, patience = PATIENCE }: ForwardOptions) {
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (piece: string) => {
    words = (words + piece).slice(-MAX_WORDS);
  });
  const ending = once(child, 'close').then(
    () => 'it ended',
    (error: unknown) => (error instanceof Error ? error.message : 'it did not start'),
  );
  let ended: string | undefined;
  void ending.then((why) => {
    ended = why;
  });
  for (let waited = 0; !(await exists(socketPath)); waited += POLL) {
    signal?.throwIfAborted();
    if (ended !== undefined) throw new Error(words.trim() || ended);
    if (waited >= patience) throw new Error(words.trim() || `no connection within ${patience / 1000} s`);
    await sleep(POLL);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
