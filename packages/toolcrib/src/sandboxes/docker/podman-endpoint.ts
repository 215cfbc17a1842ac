import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { endpointOf, type EngineEndpoint, type EngineSettings } from './endpoint.ts';

const SYSTEM_SOCKET = '/run/podman/podman.sock';

/**
 * Finds Podman's service: CONTAINER_HOST, else the socket of the user's own service below XDG_RUNTIME_DIR when there is
 * one, else that of root's. Source: podman-system-service(1), podman(1) "CONTAINER_HOST".
 * @throws UsageError `REFERENCE_INVALID`; `USAGE` for a connection by name, which only the `podman` command can look up.
 */
export async function resolvePodmanEndpoint({ env }: EngineSettings): Promise<EngineEndpoint> {
  const host = env['CONTAINER_HOST'];
  if (isSet(host)) return endpointOf(host, undefined, SYSTEM_SOCKET);
  if (isSet(env['CONTAINER_CONNECTION'])) {
    throw new UsageError('USAGE', 'CONTAINER_CONNECTION names a connection, which is not looked up', {
      hint: 'set CONTAINER_HOST to its URI (podman system connection list)',
    });
  }
  return endpointOf(`unix://${await findSocket(env['XDG_RUNTIME_DIR'])}`, undefined);
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

/** Without any socket the user's own is named: it is the one that a user can make. */
async function findSocket(runtime: string | undefined): Promise<string> {
  if (!isSet(runtime)) return SYSTEM_SOCKET;
  const own = join(runtime, 'podman', 'podman.sock');
  return (await isSocket(own)) || !(await isSocket(SYSTEM_SOCKET)) ? own : SYSTEM_SOCKET;
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isSocket();
  } catch {
    return false;
  }
}
