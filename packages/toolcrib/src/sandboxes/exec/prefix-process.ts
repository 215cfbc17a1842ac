import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../../core/clock.ts';
import { messageOf, NotFoundError } from '../../core/errors.ts';
import { killProcessGroup } from '../../disk/process-group.ts';
import { createMarkScanner, type Piece } from './marks.ts';

/** How sandboxes behind a prefix are reached. */
export interface Prefix {
  /** The words of the command that executes what follows it; at least one. */
  readonly words: readonly string[];
  /** All of its environment: it is a program of the user on this machine, with its kubeconfig, keys and agents. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Unguessable bytes. */
  readonly random: (size: number) => Uint8Array;
  readonly patience: PrefixPatience;
  /** Those that were started and have not ended. */
  readonly shells: Set<RemoteShell>;
}

/** In milliseconds. */
export interface PrefixPatience {
  /** Until the shell in the sandbox has said its first word. */
  readonly start: number;
  /** Until a shell that was told of the end of its input says that it saw it. */
  readonly halfClose: number;
  /** Without a byte in either direction while an answer is waited for. */
  readonly quiet: number;
}

/** `/bin/sh` in the sandbox, at the other end of a prefix. */
export interface RemoteShell {
  readonly nonce: string;
  /** Ends by itself when the sandbox closed it. */
  readonly stdin: Writable;
  /** Told apart from the marks; can be iterated once. */
  readonly pieces: AsyncGenerator<Piece, undefined>;
  readonly stderr: Readable;
  /** Settles when the prefix has ended and closed its outputs; never rejects. */
  readonly ended: Promise<PrefixEnd>;
  /**
   * Ends the prefix and everything that it started here; at once, and surely after a moment. The first reason is told as
   * {@link PrefixEnd.how}.
   */
  readonly kill: (because?: string) => void;
}

export interface PrefixEnd {
  /** How it ended, for messages: `ended with 255`, `was ended by SIGTERM`, `said nothing for 30 s`. */
  readonly how: string;
  readonly code: number | undefined;
}

/** In milliseconds: what a prefix may take to end by itself after a SIGTERM. */
const GRACE = 2000;

/**
 * Starts `PREFIX /bin/sh`. That one word needs no quoting, whatever the prefix does to its arguments: ssh joins them and
 * hands them to another shell. All else goes over stdin, which also keeps it out of lists of processes and audit logs.
 * @throws NotFoundError `SANDBOX_NOT_FOUND` when the prefix's own program cannot be started.
 */
export async function startRemoteShell(prefix: Prefix): Promise<RemoteShell> {
  const [program = '', ...args] = prefix.words;
  // A session of its own: Ctrl-C must not reach it, because what was half placed is taken away through it.
  const child = spawn(program, [...args, '/bin/sh'], { env: prefix.env, stdio: 'pipe', detached: true });
  const ended = endOf(child);
  const failed = await once(child, 'spawn').then(
    () => undefined,
    (error: unknown) => error,
  );
  if (failed !== undefined) throw notStarted(program, failed);
  // What the sandbox does not read any more is discarded.
  child.stdin.on('error', () => undefined);
  let reason: string | undefined;
  const nonce = Buffer.from(prefix.random(16)).toString('hex');
  const shell: RemoteShell = {
    nonce,
    stdin: child.stdin,
    pieces: scanned(child.stdout, nonce),
    stderr: child.stderr,
    ended: ended.then(({ how, code }) => ({ how: reason ?? how, code })),
    kill: (because) => {
      reason ??= because;
      void killGroup(child, prefix.clock, ended);
    },
  };
  prefix.shells.add(shell);
  void ended.then(() => prefix.shells.delete(shell));
  return shell;
}

/** Ends what was started and goes on, also what does not see that its input is over: nothing may outlive this process. */
export async function endShells({ shells }: Prefix): Promise<void> {
  const ends = [...shells].map(({ kill, ended }) => {
    kill();
    return ended;
  });
  await Promise.all(ends);
}

/** The pieces of a stream; one that breaks is over. */
export async function* scanned(stream: Readable, nonce: string): AsyncGenerator<Piece, undefined> {
  const scanner = createMarkScanner(nonce);
  try {
    for await (const bytes of stream as AsyncIterable<Buffer>) yield* scanner.push(bytes);
  } catch {
    // Destroyed by a kill: that it is over is all there is to know.
  }
  const rest = scanner.end();
  if (rest.byteLength > 0) yield { data: rest };
  return undefined;
}

async function endOf(child: ChildProcessWithoutNullStreams): Promise<PrefixEnd> {
  const { promise, resolve } = Promise.withResolvers<PrefixEnd>();
  child.once('close', (code, signal) =>
    resolve({
      how: signal === null ? `ended with ${code ?? 'no code'}` : `was ended by ${signal}`,
      code: code ?? undefined,
    }),
  );
  return await promise;
}

async function killGroup(
  child: ChildProcessWithoutNullStreams,
  clock: Clock,
  ended: Promise<PrefixEnd>,
): Promise<void> {
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  child.kill('SIGTERM');
  const over = new AbortController();
  void ended.then(() => over.abort());
  await clock.sleep(GRACE, over.signal).catch(() => undefined);
  killProcessGroup(child);
}

function notStarted(program: string, cause: unknown): NotFoundError {
  return new NotFoundError('SANDBOX_NOT_FOUND', `cannot start ${JSON.stringify(program)}: ${messageOf(cause)}`, {
    hint: 'the first word after exec: is a program of this machine, e.g. exec:kubectl exec -i POD --',
    details: { program },
    cause,
  });
}
