import type { Sandbox } from '../sandbox.ts';
import { readOwner, readTree, statPath, unpackTar } from './archive.ts';
import type { Container } from './container.ts';
import { connectEngine, type ConnectOptions, type Engine } from './engine.ts';
import { startExec } from './exec.ts';
import { identityOf, rootOwnerOf } from './identity.ts';
import { namespaceOf, type NamespaceOptions } from './namespace/namespace.ts';
import { textOf } from '../../core/json-fields.ts';
import { notFound, refusedCall } from './refusals.ts';
import { verifyRunning } from './state.ts';

/**
 * Opens a running container of a Docker Engine or of Podman, which speaks Docker's API, too.
 * @param name name or id of the container.
 * @param options the engine, as the `docker` or the `podman` command finds it; `signal` ends everything that is under
 * way.
 * @throws NotFoundError `SANDBOX_NOT_FOUND`; SandboxError `SANDBOX_STATE`; RemoteError `UNREACHABLE`; as
 * `connectEngine`.
 */
export async function openDockerSandbox(name: string, options: ConnectOptions & NamespaceOptions): Promise<Sandbox> {
  const engine = await connectEngine(options);
  try {
    return await openContainer(name, engine, options);
  } catch (error) {
    engine.close();
    throw error;
  }
}

async function openContainer(
  name: string,
  engine: Engine,
  options: ConnectOptions & NamespaceOptions,
): Promise<Sandbox> {
  const command = options.scheme ?? 'docker';
  const reference = `${command}:${name}`;
  const path = `/containers/${encodeURIComponent(name)}`;
  const asked: Container = { engine, command, reference, path, rootOwner: undefined };
  const description = await engine.json({ method: 'GET', path: `${path}/json` });
  if ('status' in description) {
    throw description.status === 404 ? notFound(asked) : refusedCall(asked, description);
  }
  verifyRunning(description.value, asked);
  const image = await inspectImage(engine, textOf(description.value, 'Image'));
  const identity = identityOf(description.value, image, engine);
  // By its id: another container may get the name.
  const rootOwner = rootOwnerOf(description.value, engine.dialect);
  const container = { ...asked, path: `/containers/${identity.id}`, rootOwner };
  return {
    reference,
    identity,
    ways: ['namespace', 'archive', 'exec-tar', 'exec-cat'],
    rootOwner: container.rootOwner,
    ...(await namespaceOf(container, description.value, identity, options)),
    programPath: (inside) => inside,
    choosesUser: true,
    stat: (inside) => statPath(container, inside),
    readOwner: (inside) => readOwner(container, inside),
    readTar: (inside) => readTree(container, inside),
    unpackTar: (parent, tar) => unpackTar(container, parent, tar),
    exec: (request) => startExec(container, request, options.signal),
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
