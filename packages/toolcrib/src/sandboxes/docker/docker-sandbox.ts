import { setTimeout as sleep } from 'node:timers/promises';
import { combineSignals } from '../../core/combined-signal.ts';
import { NotFoundError, RemoteError, SandboxError, type ToolcribError } from '../../core/errors.ts';
import type { ExecExit, ExecRequest, Sandbox, SandboxEntry, SandboxProcess } from '../sandbox.ts';
import { readFirstOwner } from '../tar-owner.ts';
import { connectDocker, type ConnectOptions, type Engine, type EngineRefusal } from './engine.ts';
import { unreachable } from './engine-connection.ts';
import { createExecProcess } from './exec-process.ts';
import { identityOf, verifyRunning } from './identity.ts';
import { fieldOf, textOf } from './json-fields.ts';
import { parsePathStat } from './path-stat.ts';

/**
 * Opens a running container of a Docker Engine, or of an engine that speaks its API.
 * @param name name or id of the container.
 * @param options the engine, as in the `docker` command; `signal` ends everything that is under way.
 * @throws NotFoundError `SANDBOX_NOT_FOUND`; SandboxError `SANDBOX_STATE`; RemoteError `UNREACHABLE`; as
 * `connectDocker`.
 */
export async function openDockerSandbox(name: string, options: ConnectOptions): Promise<Sandbox> {
  const engine = await connectDocker(options);
  try {
    return await openContainer(name, engine, options.signal);
  } catch (error) {
    engine.close();
    throw error;
  }
}

async function openContainer(name: string, engine: Engine, signal: AbortSignal | undefined): Promise<Sandbox> {
  const reference = `docker:${name}`;
  const container = await engine.json({ method: 'GET', path: `/containers/${encodeURIComponent(name)}/json` });
  if ('status' in container)
    throw container.status === 404 ? notFound(reference, engine) : refused(reference, container);
  verifyRunning(container.value, reference);
  const image = await inspectImage(engine, textOf(container.value, 'Image'));
  const identity = identityOf(container.value, image, engine.endpoint.address);
  const base = `/containers/${identity.id}`;
  return {
    reference,
    identity,
    ways: ['archive', 'exec-tar', 'exec-cat'],
    programPath: (path) => path,
    stat: (path) => statPath(engine, base, path, reference),
    readOwner: async (path) => {
      const tar = await readTar(engine, base, path, reference);
      return tar === undefined ? undefined : await readFirstOwner(tar);
    },
    readTar: (path) => readTar(engine, base, path, reference),
    unpackTar: (parent, tar) => unpackTar(engine, base, parent, tar, reference),
    exec: (request) => startExec(engine, base, request, signal, reference),
    close: () => {
      engine.close();
      return Promise.resolve();
    },
  };
}

async function inspectImage(engine: Engine, image: string | undefined): Promise<unknown> {
  if (image === undefined) return undefined;
  const answer = await engine.json({ method: 'GET', path: `/images/${encodeURIComponent(image)}/json` });
  return 'status' in answer ? undefined : answer.value;
}

function archivePath(base: string, path: string): string {
  return `${base}/archive?path=${encodeURIComponent(path)}`;
}

async function statPath(
  engine: Engine,
  base: string,
  path: string,
  reference: string,
): Promise<SandboxEntry | undefined> {
  const answer = await engine.open({ method: 'HEAD', path: archivePath(base, path) });
  if (!('body' in answer)) {
    verifyAbsent(await explained(engine, base, path, answer), reference);
    return undefined;
  }
  answer.body.resume();
  return parsePathStat(answer.headers['x-docker-container-path-stat']);
}

/** The refusal of a HEAD says nothing but its status (404 is also a container that is gone); a GET has the words. */
async function explained(engine: Engine, base: string, path: string, refusal: EngineRefusal): Promise<EngineRefusal> {
  const answer = await engine.open({ method: 'GET', path: archivePath(base, path) });
  if (!('body' in answer)) return answer;
  answer.body.destroy();
  return refusal;
}

async function readTar(
  engine: Engine,
  base: string,
  path: string,
  reference: string,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const body = await engine.download(archivePath(base, path));
  if (body !== undefined) return passOn(body, engine);
  const answer = await engine.open({ method: 'GET', path: archivePath(base, path) });
  if ('body' in answer) return passOn(answer.body, engine);
  verifyAbsent(answer, reference);
  return undefined;
}

async function* passOn(body: AsyncIterable<Uint8Array>, engine: Engine): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of body) yield piece;
  } catch (error) {
    throw unreachable(error, engine.endpoint);
  }
}

/** There is no such path. When a component on the way is a file, engines say 500 and the system's own words. */
function verifyAbsent(refusal: EngineRefusal, reference: string): void {
  if (refusal.status === 404 && !isGone(refusal)) return;
  if (/not a directory/i.test(refusal.message)) return;
  throw refused(reference, refusal);
}

/** Without `copyUIDGID`: with it the engine would give everything to the container's user. */
async function unpackTar(
  engine: Engine,
  base: string,
  parent: string,
  tar: AsyncIterable<Uint8Array>,
  reference: string,
): Promise<void> {
  const path = `${archivePath(base, parent)}&noOverwriteDirNonDir=1`;
  const answer = await engine.json({ method: 'PUT', path, tar });
  if (!('status' in answer)) return;
  if (answer.status === 409) throw refused(reference, answer);
  throw new SandboxError(
    'NOT_INJECTABLE',
    `the engine does not unpack into ${parent} of ${reference}: ${answer.message || `status ${answer.status}`}`,
    { details: { sandbox: reference, parent, status: answer.status } },
  );
}

async function startExec(
  engine: Engine,
  base: string,
  request: ExecRequest,
  signal: AbortSignal | undefined,
  reference: string,
): Promise<SandboxProcess> {
  const signals = [signal, request.signal].filter((one) => one !== undefined);
  const either = signals.length === 0 ? undefined : combineSignals(signals);
  either?.throwIfAborted();
  const created = await engine.json({ method: 'POST', path: `${base}/exec`, json: execOf(request) });
  if ('status' in created) throw notStarted(reference, request, created);
  const id = textOf(created.value, 'Id') ?? '';
  const json = { Detach: false, Tty: false };
  const socket = await engine.upgrade({ method: 'POST', path: `/exec/${id}/start`, json });
  if ('status' in socket) throw notStarted(reference, request, socket);
  return createExecProcess({
    socket,
    stdin: request.stdin,
    signal: either,
    askExit: () => askExit(engine, id, reference, either),
    failure: (error) => unreachable(error, engine.endpoint),
  });
}

function execOf(request: ExecRequest): Record<string, unknown> {
  return {
    AttachStdin: request.stdin,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    Cmd: request.argv,
    Env: [
      ...unsetting(request.unset ?? []),
      ...Object.entries(request.env ?? {}).map(([name, value]) => `${name}=${value}`),
    ],
    ...(request.user !== undefined && { User: request.user }),
    ...(request.cwd !== undefined && { WorkingDir: request.cwd }),
  };
}

/**
 * An entry without `=` takes a variable away (moby `container.ReplaceOrAppendEnvVars`); engines that do not know that
 * have the empty string from the entry before it.
 */
function unsetting(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => [`${name}=`, name]);
}

/** In milliseconds. The engine notes the end of a program a moment after it closed the program's streams. */
const EXIT_POLL = { first: 2, last: 100 } as const;

async function askExit(
  engine: Engine,
  id: string,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<ExecExit> {
  for (let pause: number = EXIT_POLL.first; ; pause = Math.min(pause * 2, EXIT_POLL.last)) {
    const answer = await engine.json({ method: 'GET', path: `/exec/${id}/json` });
    if ('status' in answer) throw refused(reference, answer);
    const code = fieldOf(answer.value, 'ExitCode');
    if (fieldOf(answer.value, 'Running') === false && typeof code === 'number') return { code };
    await sleep(pause);
    // A program may close its outputs and go on for ever.
    signal?.throwIfAborted();
  }
}

function notFound(reference: string, engine: Engine): NotFoundError {
  return new NotFoundError('SANDBOX_NOT_FOUND', `there is no ${reference} at ${engine.endpoint.address}`, {
    hint: 'list the running containers with `docker ps`',
    details: { sandbox: reference, engine: engine.endpoint.address },
  });
}

function notStarted(reference: string, request: ExecRequest, refusal: EngineRefusal): ToolcribError {
  if (refusal.status === 409 || refusal.status === 404) return refused(reference, refusal);
  const program = request.argv[0] ?? '';
  return new SandboxError('EXEC_FAILED', `the engine does not start ${program} in ${reference}: ${refusal.message}`, {
    details: { sandbox: reference, program, status: refusal.status },
  });
}

/** 409 and a container that went away: its state changed since it was opened. */
function refused(reference: string, refusal: EngineRefusal): ToolcribError {
  const { status, message } = refusal;
  if (status === 409 || isGone(refusal) || /is not running/i.test(message)) {
    return new SandboxError('SANDBOX_STATE', `${reference} does not run any more: ${message}`, {
      hint: 'see `docker ps --all`, start or unpause it, and try again',
      details: { sandbox: reference },
    });
  }
  return new RemoteError(
    'REMOTE_REFUSED',
    `the engine refused a call for ${reference}: ${message || `status ${status}`}`,
    {
      details: { sandbox: reference, status },
    },
  );
}

function isGone(refusal: EngineRefusal): boolean {
  return refusal.status === 404 && /no such container/i.test(refusal.message);
}
