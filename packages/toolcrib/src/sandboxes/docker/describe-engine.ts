import { RemoteError } from '../../core/errors.ts';
import { fieldOf, listOf, textOf } from '../../core/json-fields.ts';
import type { EngineFacts } from '../engine-facts.ts';
import { connectEngine, type ConnectOptions, type Engine } from './engine.ts';

/**
 * Asks an engine what it is: `GET /version` and `GET /info`, which shows that its API may be used.
 * @throws as `connectEngine`; RemoteError `REMOTE_REFUSED` with the engine's words.
 */
export async function describeEngine(options: ConnectOptions): Promise<EngineFacts> {
  const engine = await connectEngine(options);
  try {
    const [version, info] = await Promise.all([ask(engine, '/version'), ask(engine, '/info')]);
    const security = listOf(info, 'SecurityOptions').filter((option) => typeof option === 'string');
    const rootless =
      fieldOf(info, 'Rootless') === true || security.some((option) => option.startsWith('name=rootless'));
    return {
      address: engine.endpoint.address,
      dialect: engine.dialect,
      version: textOf(version, 'Version') ?? null,
      apiVersion: textOf(version, 'ApiVersion') ?? null,
      os: textOf(version, 'Os') ?? null,
      arch: textOf(version, 'Arch') ?? null,
      kernel: textOf(version, 'KernelVersion') ?? null,
      storageDriver: textOf(info, 'Driver') ?? null,
      cgroupVersion: textOf(info, 'CgroupVersion') ?? null,
      rootless,
      mapsUsers: rootless || security.some((option) => option.startsWith('name=userns')),
    };
  } finally {
    engine.close();
  }
}

async function ask(engine: Engine, path: string): Promise<unknown> {
  const answer = await engine.json({ method: 'GET', path });
  if (!('status' in answer)) return answer.value;
  const { address } = engine.endpoint;
  const why = answer.message || `status ${answer.status}`;
  throw new RemoteError('REMOTE_REFUSED', `the engine at ${address} refused ${path}: ${why}`, {
    hint: 'this user may not use its API',
    details: { engine: address, status: answer.status },
  });
}
