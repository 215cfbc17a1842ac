import type { Writable } from 'node:stream';
import { combineSignals } from '../../core/combined-signal.ts';
import { RemoteError } from '../../core/errors.ts';
import type { ExecExit, ExecRequest, SandboxProcess } from '../sandbox.ts';
import { createExecInput } from './exec-input.ts';
import { execScript, type InputWay } from './exec-script.ts';
import { readMarkedOutput, type MarkedOutput } from './marked-output.ts';
import { scanned, startRemoteShell, type Prefix, type RemoteShell } from './prefix-process.ts';
import { lostConnection, nameOf, neverAnswered, refused } from './refusals.ts';
import { startWatchdog } from './watchdog.ts';

/** In milliseconds: what may pass between the end of one output and that of the other, or of the prefix. */
const GRACE = 5000;

/**
 * Starts a program in the sandbox, with a connection of its own.
 * @param options.halfCloses whether the sandbox sees the end of an input.
 * @throws SandboxError `EXEC_FAILED` when the shell did not answer or the working directory is not there; RemoteError
 * `UNREACHABLE`; NotFoundError `SANDBOX_NOT_FOUND`; the signal's reason.
 */
export async function startExec(
  prefix: Prefix,
  request: ExecRequest,
  options: { readonly halfCloses: boolean; readonly signal: AbortSignal },
): Promise<SandboxProcess> {
  const { signal } = options;
  signal.throwIfAborted();
  const shell = await startRemoteShell(prefix);
  const started: Started = {
    prefix,
    shell,
    stdout: readMarkedOutput('out', shell.pieces),
    stderr: readMarkedOutput('err', scanned(shell.stderr, shell.nonce)),
    signal,
  };
  const way: InputWay = !request.stdin ? 'none' : options.halfCloses ? 'direct' : 'framed';
  const onAbort = () => shell.kill();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    shell.stdin.write(execScript(request, shell.nonce, way));
    await waitBegin(started, request);
    signal.throwIfAborted();
  } catch (error) {
    shell.kill();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  const stdin = createExecInput(shell.stdin, way);
  return { stdin, stdout: started.stdout.stream, stderr: started.stderr.stream, exit: exitOf(started, stdin) };
}

interface Started {
  readonly prefix: Prefix;
  readonly shell: RemoteShell;
  readonly stdout: MarkedOutput;
  readonly stderr: MarkedOutput;
  readonly signal: AbortSignal;
}

async function waitBegin({ prefix, shell, stdout, stderr }: Started, request: ExecRequest): Promise<void> {
  const dog = startWatchdog(prefix.clock, prefix.patience.start, shell.kill);
  try {
    const word = await stdout.begun;
    if (word === 'begin') return;
    if (word === undefined) throw neverAnswered(prefix, await shell.ended, stderr.said(), stdout.said());
    throw refused(`there is no directory ${JSON.stringify(request.cwd)} in the sandbox`, 'choose another one');
  } finally {
    dog.stop();
  }
}

function exitOf(started: Started, stdin: Writable): Promise<ExecExit> {
  const { shell, stdout, stderr, signal } = started;
  const exit = Promise.withResolvers<ExecExit>();
  exit.promise.catch(() => undefined);
  const onAbort = () => {
    exit.reject(signal.reason);
    shell.kill();
    stdin.destroy();
    const reason: unknown = signal.reason;
    for (const output of [stdout, stderr]) output.destroy(reason instanceof Error ? reason : undefined);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  settle(started)
    .then(exit.resolve, exit.reject)
    .finally(() => {
      signal.removeEventListener('abort', onAbort);
      // Whoever still writes is heard by nobody.
      shell.stdin.destroy();
      void giveUp(started);
    });
  return exit.promise;
}

async function settle(started: Started): Promise<ExecExit> {
  const { prefix, shell, stdout, stderr } = started;
  const code = await stdout.ended;
  if (code === undefined) {
    void giveUp(started);
    const { how } = await shell.ended;
    throw lostConnection(prefix, how, stderr.said());
  }
  const giving = new AbortController();
  void giveUp(started, giving.signal);
  const isWhole = (await stderr.ended) !== undefined;
  giving.abort();
  if (isWhole) return { code: Number(code) };
  const incomplete = `the end of what was written to stderr did not come through ${nameOf(prefix)}`;
  if (code !== '0') return { code: Number(code), incomplete };
  throw new RemoteError('REMOTE_REFUSED', incomplete, { hint: 'the connection to the sandbox was lost: try again' });
}

/** Ends a prefix that does not end by itself, once nobody is held up who reads what came through it. */
async function giveUp({ prefix, shell, stderr }: Started, signal?: AbortSignal): Promise<void> {
  const over = combineSignals([signal, abortedAt(shell.ended)]);
  try {
    do await prefix.clock.sleep(GRACE, over);
    while (stderr.isHeldUp());
  } catch {
    return;
  }
  shell.kill();
}

function abortedAt(event: Promise<unknown>): AbortSignal {
  const controller = new AbortController();
  void event.then(() => controller.abort());
  return controller.signal;
}
