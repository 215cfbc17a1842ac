import { NotFoundError, RemoteError, SandboxError } from '../../core/errors.ts';
import { fieldOf, listOf, textOf } from '../../core/json-fields.ts';
import { archFrom, type Arch } from '../../core/target.ts';
import { formatIdentity, identityFrom, livenessOf, ownIdentity } from '../../disk/process-identity.ts';
import { writeTar } from '../../tar/write.ts';
import type { ContainerMaker, ContainerRequest, MadeContainer } from '../container-maker.ts';
import { openDockerSandbox } from './docker-sandbox.ts';
import { connectEngine, type ConnectOptions, type Engine, type EngineRefusal, type EngineScheme } from './engine.ts';
import { REFUSED_HINT } from './refusals.ts';

/** What a maker of containers is made with. */
export interface MakerOptions extends ConnectOptions {
  /** Unguessable bytes, for names. */
  readonly random: (size: number) => Uint8Array;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Names the process that made a container, so that another one can tell what a killed one left. */
const OWNER_LABEL = 'toolcrib.validate';
/** Of a container that was made here; engines put a slash before it. An image cannot give its containers a name. */
const OWN_NAME = /^\/?(?<name>toolcrib-validate-[0-9a-f]{16})$/;
/** Of the program that waits, at the root of the container. */
const WAIT_PROGRAM = '.toolcrib-wait';
/** What a process of another machine or boot left is nobody's after that time, in milliseconds. */
const ABANDONED_AFTER_MS = 24 * 3600 * 1000;

/**
 * Makes containers with a Docker Engine, or with Podman.
 * @throws as `connectEngine`; SandboxError `EXEC_FAILED` when the engine runs on a machine that no target is for.
 */
export async function openContainerMaker(options: MakerOptions): Promise<ContainerMaker> {
  const engine = await connectEngine(options);
  try {
    const context = { engine, options, program: await machineOf(engine) };
    return {
      engine: engine.endpoint.address,
      make: (request) => make(context, request),
      sweep: () => sweep(context),
      close: () => {
        engine.close();
        return Promise.resolve();
      },
    };
  } catch (error) {
    engine.close();
    throw error;
  }
}

interface MakerContext {
  readonly engine: Engine;
  readonly options: MakerOptions;
  /** What the program is for that waits. */
  readonly program: Arch;
}

/** An image may be for another machine, which its programs are translated for; the one that waits needs no translation. */
async function machineOf(engine: Engine): Promise<Arch> {
  const answer = await engine.json({ method: 'GET', path: '/version' });
  if ('status' in answer) throw refused(engine, 'does not tell what machine it runs on', answer);
  const name = textOf(answer.value, 'Arch') ?? 'an unknown machine';
  const arch = archFrom(name);
  if (arch !== undefined && textOf(answer.value, 'Os') === 'linux') return arch;
  const what = `the engine at ${engine.endpoint.address} runs on ${textOf(answer.value, 'Os') ?? ''} ${name}`;
  throw new SandboxError('EXEC_FAILED', `${what}, expected linux on amd64 or arm64`, {
    hint: 'point to another engine with DOCKER_HOST or a Docker context, or with CONTAINER_HOST for Podman',
  });
}

async function make(context: MakerContext, { image, user, signal }: ContainerRequest): Promise<MadeContainer> {
  const { engine, options } = context;
  signal?.throwIfAborted();
  const name = `toolcrib-validate-${Buffer.from(options.random(8)).toString('hex')}`;
  const path = await create(context, name, image, user);
  const remove = () => removeContainer(engine, path);
  try {
    signal?.throwIfAborted();
    await putProgram(context, path, image);
    await start(engine, path, image);
    signal?.throwIfAborted();
    const sandbox = await openDockerSandbox(name, options);
    return {
      sandbox,
      remove: async () => {
        await sandbox.close();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** @returns path of its calls. */
async function create({ engine, options }: MakerContext, name: string, image: string, user: string): Promise<string> {
  const answer = await engine.json({
    method: 'POST',
    path: `/containers/create?name=${name}`,
    json: descriptionOf(image, user),
  });
  if (!('status' in answer)) return `/containers/${textOf(answer.value, 'Id') ?? name}`;
  if (answer.status === 404) throw imageMissing(engine, image, options.scheme ?? 'docker');
  throw refused(engine, `does not make a container of ${image}`, answer);
}

/** The first program does not heed signals, so the engine must not wait for it to end by one. */
function descriptionOf(image: string, user: string): Record<string, unknown> {
  return {
    Image: image,
    User: user,
    Entrypoint: [`/${WAIT_PROGRAM}`],
    Cmd: [],
    Healthcheck: { Test: ['NONE'] },
    Labels: { [OWNER_LABEL]: formatIdentity(ownIdentity()) },
    StopSignal: 'SIGKILL',
    NetworkDisabled: true,
    HostConfig: { NetworkMode: 'none', RestartPolicy: { Name: 'no' } },
  };
}

async function putProgram({ engine, program }: MakerContext, path: string, image: string): Promise<void> {
  const { waitProgram } = await import('./wait-program.ts');
  const tar = writeTar([{ path: WAIT_PROGRAM, kind: 'file', mode: 0o755, bytes: waitProgram(program) }]);
  const answer = await engine.json({ method: 'PUT', path: `${path}/archive?path=%2F`, tar });
  if ('status' in answer) throw notStarted(engine, image, answer);
}

async function start(engine: Engine, path: string, image: string): Promise<void> {
  const answer = await engine.json({ method: 'POST', path: `${path}/start` });
  if ('status' in answer) throw notStarted(engine, image, answer);
}

async function removeContainer(engine: Engine, path: string): Promise<void> {
  const answer = await engine.json({ method: 'DELETE', path: `${path}?force=true&v=true` });
  if (!('status' in answer) || answer.status === 404) return;
  // Somebody else removes it at this moment.
  if (answer.status === 409 && /already in progress/i.test(answer.message)) return;
  throw refused(engine, `does not remove ${path.slice('/containers/'.length)}`, answer);
}

async function sweep({ engine, options }: MakerContext): Promise<readonly string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [OWNER_LABEL] }));
  const answer = await engine.json({ method: 'GET', path: `/containers/json?all=true&filters=${filters}` });
  if ('status' in answer) throw refused(engine, 'does not list containers', answer);
  const removed: string[] = [];
  for (const container of listOf({ list: answer.value }, 'list')) {
    const [id, name] = [textOf(container, 'Id'), ownNameOf(container)];
    if (id === undefined || name === undefined || !isLeft(container, options.now())) continue;
    if (!(await wasMadeHere(engine, id))) continue;
    await removeContainer(engine, `/containers/${id}`);
    removed.push(name);
  }
  return removed;
}

/** Undefined for a container that was not named here. */
function ownNameOf(container: unknown): string | undefined {
  const names = listOf(container, 'Names').map((name) => (typeof name === 'string' ? OWN_NAME.exec(name) : null));
  return names.find((match) => match !== null)?.groups?.['name'];
}

/** Whether nobody will remove a container any more; of a process that cannot be asked its age decides. */
function isLeft(container: unknown, now: number): boolean {
  const label = textOf(container, 'Labels', OWNER_LABEL);
  const owner = label === undefined ? undefined : identityFrom(label);
  if (owner === undefined) return false;
  const liveness = livenessOf(owner);
  if (liveness !== 'unknown') return liveness === 'dead';
  const created = fieldOf(container, 'Created');
  return typeof created === 'number' && now - created * 1000 > ABANDONED_AFTER_MS;
}

/**
 * Whether a container was made with the program that waits, and has its label from who made it: the labels of an image
 * are those of all its containers, whoever made them. Where the image is gone nobody can tell, and it stays.
 */
async function wasMadeHere(engine: Engine, id: string): Promise<boolean> {
  const container = await engine.json({ method: 'GET', path: `/containers/${id}/json` });
  if ('status' in container) return false;
  const [entrypoint, ...more] = listOf(container.value, 'Config', 'Entrypoint');
  const image = textOf(container.value, 'Image');
  if (entrypoint !== `/${WAIT_PROGRAM}` || more.length > 0 || image === undefined) return false;
  const found = await engine.json({ method: 'GET', path: `/images/${encodeURIComponent(image)}/json` });
  if ('status' in found) return false;
  return (
    textOf(found.value, 'Config', 'Labels', OWNER_LABEL) !== textOf(container.value, 'Config', 'Labels', OWNER_LABEL)
  );
}

function imageMissing({ endpoint }: Engine, image: string, command: EngineScheme): NotFoundError {
  return new NotFoundError('NOT_FOUND', `the engine at ${endpoint.address} has no image ${image}`, {
    hint: `toolcrib pulls nothing: ${command} pull ${image}`,
    details: { image, engine: endpoint.address },
  });
}

function notStarted({ endpoint }: Engine, image: string, { status, message }: EngineRefusal): SandboxError {
  const why = message || `status ${status}`;
  return new SandboxError('EXEC_FAILED', `a container of ${image} does not start: ${why}`, {
    hint: REFUSED_HINT,
    details: { image, engine: endpoint.address, status },
  });
}

function refused({ endpoint }: Engine, what: string, { status, message }: EngineRefusal): RemoteError {
  return new RemoteError(
    'REMOTE_REFUSED',
    `the engine at ${endpoint.address} ${what}: ${message || `status ${status}`}`,
    {
      hint: REFUSED_HINT,
      details: { engine: endpoint.address, status },
    },
  );
}
