import { setTimeout as sleep } from 'node:timers/promises';
import { combineSignals } from '../../core/combined-signal.ts';
import { RemoteError, SandboxError, type ToolcribError } from '../../core/errors.ts';
import type { ExecRequest, SandboxProcess } from '../sandbox.ts';
import type { Container } from './container.ts';
import { unreachable } from './engine-connection.ts';
import type { AskedExit } from './engine-words.ts';
import { belongsTo, pidOf } from './namespace/container-process.ts';
import type { EngineDialect, EngineRefusal } from './engine.ts';
import { createExecProcess } from './exec-process.ts';
import { fieldOf, textOf } from '../../core/json-fields.ts';
import { explainRefusal, stateNow } from './refusals.ts';

/** As `SandboxExecutor.exec`. @param signal ends everything that is under way in the sandbox. */
export async function startExec(
  container: Container,
  request: ExecRequest,
  signal: AbortSignal | undefined,
): Promise<SandboxProcess> {
  const { engine } = container;
  const signals = [signal, request.signal].filter((one) => one !== undefined);
  const either = signals.length === 0 ? undefined : combineSignals(signals);
  either?.throwIfAborted();
  const created = await engine.json({
    method: 'POST',
    path: `${container.path}/exec`,
    json: execOf(request, engine.dialect),
  });
  if ('status' in created) throw await notStarted(container, request, created);
  const id = textOf(created.value, 'Id') ?? '';
  const json = { Detach: false, Tty: false };
  const socket = await engine.upgrade({ method: 'POST', path: `/exec/${id}/start`, json });
  if ('status' in socket) throw await notStarted(container, request, socket);
  const process = createExecProcess({
    socket,
    stdin: request.stdin,
    signal: either,
    losesOutput: engine.dialect === 'podman',
    askExit: () => askExit(container, id, either),
    failure: (error) => unreachable(error, engine.endpoint),
    refusal: (what, words) =>
      what === 'lost' ? lostOutput(container, words) : execFailed(container, request, { status: 101, message: words }),
  });
  return { ...process, isProcess: (pid) => isProcessOf(container, id, pid) };
}

function execOf(request: ExecRequest, dialect: EngineDialect): Record<string, unknown> {
  return {
    AttachStdin: request.stdin,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    Cmd: request.argv,
    Env: [
      ...unsetting(request.unset ?? [], dialect),
      ...Object.entries(request.env ?? {}).map(([name, value]) => `${name}=${value}`),
    ],
    ...(request.user !== undefined && { User: request.user }),
    ...(request.cwd !== undefined && { WorkingDir: request.cwd }),
  };
}

/**
 * An entry without `=` takes a variable away (moby `container.ReplaceOrAppendEnvVars`); engines that do not know that
 * have the empty string from the entry before it. Podman refuses such an entry.
 */
function unsetting(names: readonly string[], dialect: EngineDialect): readonly string[] {
  return names.flatMap((name) => (dialect === 'podman' ? [`${name}=`] : [`${name}=`, name]));
}

/** In milliseconds. The engine notes the end of a program a moment after it closed the program's streams. */
const EXIT_POLL = { first: 2, last: 100 } as const;

async function askExit(container: Container, id: string, signal: AbortSignal | undefined): Promise<AskedExit> {
  for (let pause: number = EXIT_POLL.first; ; pause = Math.min(pause * 2, EXIT_POLL.last)) {
    const exec = await described(container, `/exec/${id}`);
    const code = fieldOf(exec, 'ExitCode');
    if (fieldOf(exec, 'Running') === false && typeof code === 'number') {
      // Podman forgets the process when it ends, and never speaks on stdout.
      return { code, started: container.engine.dialect === 'podman' || fieldOf(exec, 'Pid') !== 0 };
    }
    await sleep(pause);
    // A program may close its outputs and go on for ever.
    signal?.throwIfAborted();
  }
}

/** The engine's numbers are this machine's where the one that it has for the container's first process is. */
async function isProcessOf(container: Container, id: string, pid: number): Promise<boolean | undefined> {
  const owner = await described(container, container.path);
  const first = pidOf(owner);
  if (first === undefined || !(await belongsTo(first, textOf(owner, 'Id') ?? ''))) return undefined;
  return fieldOf(await described(container, `/exec/${id}`), 'Pid') === pid;
}

async function described(container: Container, path: string): Promise<unknown> {
  const answer = await container.engine.json({ method: 'GET', path: `${path}/json` });
  if ('status' in answer) throw await explainRefusal(container, answer);
  return answer.value;
}

async function notStarted(container: Container, request: ExecRequest, refusal: EngineRefusal): Promise<ToolcribError> {
  return (await stateNow(container, refusal)) ?? execFailed(container, request, refusal);
}

function execFailed({ reference }: Container, request: ExecRequest, refusal: EngineRefusal): SandboxError {
  const program = request.argv[0] ?? '';
  return new SandboxError('EXEC_FAILED', `the engine does not start ${program} in ${reference}: ${refusal.message}`, {
    ...(/user/.test(refusal.message) &&
      request.user !== undefined && { hint: `name a user that the sandbox has, or a uid, instead of ${request.user}` }),
    details: { sandbox: reference, program, status: refusal.status },
  });
}

function lostOutput({ reference }: Container, words: string): RemoteError {
  return new RemoteError(
    'REMOTE_REFUSED',
    `the engine stopped handing on what a program in ${reference} wrote, so that some of it may be missing: ${words}`,
    {
      hint: 'Podman does that when a program ends before it has read its input: give it no more input than it reads',
      details: { sandbox: reference },
    },
  );
}
