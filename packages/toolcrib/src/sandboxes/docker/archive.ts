import { SandboxError } from '../../core/errors.ts';
import type { SandboxEntry } from '../sandbox.ts';
import { readFirstOwner } from '../tar-owner.ts';
import type { Container } from './container.ts';
import { unreachable } from './engine-connection.ts';
import type { Engine, EngineRefusal } from './engine.ts';
import { parsePathStat } from './path-stat.ts';
import { explainRefusal, isGone, stateNow } from './refusals.ts';

/** Files of a container, by the calls `HEAD`, `GET` and `PUT /containers/{id}/archive` of its engine. */

function archivePath(container: Container, path: string): string {
  return `${container.path}/archive?path=${encodeURIComponent(path)}`;
}

/** As `SandboxReader.stat`. */
export async function statPath(container: Container, path: string): Promise<SandboxEntry | undefined> {
  const { engine } = container;
  const answer = await engine.open({ method: 'HEAD', path: archivePath(container, path) });
  if (!('body' in answer)) {
    await verifyAbsent(container, await explained(container, path, answer));
    return undefined;
  }
  answer.body.resume();
  return parsePathStat(answer.headers['x-docker-container-path-stat']);
}

/** The refusal of a HEAD says nothing but its status (404 is also a container that is gone); a GET has the words. */
async function explained(container: Container, path: string, refusal: EngineRefusal): Promise<EngineRefusal> {
  const answer = await container.engine.open({ method: 'GET', path: archivePath(container, path) });
  if (!('body' in answer)) return answer;
  answer.body.destroy();
  return refusal;
}

/** The kernel's uid for users that are not mapped. */
const NOBODY = 65_534;

/** As `SandboxReader.readOwner`. */
export async function readOwner(container: Container, path: string): Promise<number | undefined> {
  const { rootOwner } = container;
  if (rootOwner === undefined) return undefined;
  const tar = await readTree(container, path);
  if (tar === undefined) return undefined;
  const told = await readFirstOwner(tar);
  if (told === undefined) return undefined;
  const owner = told - rootOwner;
  return owner < 0 ? NOBODY : owner;
}

/** As `SandboxReader.readTar`. */
export async function readTree(container: Container, path: string): Promise<AsyncIterable<Uint8Array> | undefined> {
  const { engine } = container;
  const body = await engine.download(archivePath(container, path));
  if (body !== undefined) return passOn(body, engine);
  const answer = await engine.open({ method: 'GET', path: archivePath(container, path) });
  if ('body' in answer) return passOn(answer.body, engine);
  await verifyAbsent(container, answer);
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
async function verifyAbsent(container: Container, refusal: EngineRefusal): Promise<void> {
  if (refusal.status === 404 && !isGone(refusal)) return;
  if (/not a directory/i.test(refusal.message)) return;
  throw await explainRefusal(container, refusal);
}

/** As `SandboxWriter.unpackTar`. Without `copyUIDGID`: with it engines would give everything to the container's user. */
export async function unpackTar(container: Container, parent: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
  // Podman makes a parent that is not there.
  if (container.engine.dialect === 'podman') await verifyDirectory(container, parent);
  const path = `${archivePath(container, parent)}&noOverwriteDirNonDir=1`;
  const answer = await container.engine.json({ method: 'PUT', path, tar });
  if (!('status' in answer)) return;
  const changed = await stateNow(container, answer);
  throw changed ?? notUnpacked(container, parent, answer.message || `status ${answer.status}`, answer.status);
}

async function verifyDirectory(container: Container, parent: string): Promise<void> {
  const entry = await statPath(container, parent);
  if (entry === undefined) throw notUnpacked(container, parent, 'there is no such directory', 404);
}

function notUnpacked({ reference }: Container, parent: string, why: string, status: number): SandboxError {
  return new SandboxError('NOT_INJECTABLE', `the engine does not unpack into ${parent} of ${reference}: ${why}`, {
    details: { sandbox: reference, parent, status },
  });
}
