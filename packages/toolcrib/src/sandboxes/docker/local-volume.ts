import { keysOf, textOf } from '../../core/json-fields.ts';
import { RemoteError, UsageError } from '../../core/errors.ts';
import { connectEngine, type ConnectOptions, type Engine, type EngineScheme } from './engine.ts';
import { REFUSED_HINT } from './refusals.ts';

/** A volume whose files are in a directory of this machine. */
export interface LocalVolume {
  readonly name: string;
  /** Absolute path on this machine. */
  readonly mountpoint: string;
}

/**
 * Finds a named volume of an engine on this machine, or makes it.
 * @throws UsageError `USAGE` when its files cannot be written from here: another machine, another user than root, a driver of its
 * own; RemoteError `REMOTE_REFUSED`, `UNREACHABLE`; as `connectEngine`.
 */
export async function openLocalVolume(
  name: string,
  options: ConnectOptions & { readonly scheme: EngineScheme },
): Promise<LocalVolume> {
  if (!/^[a-zA-Z0-9][\w.-]*$/.test(name)) {
    throw new UsageError('USAGE', `a volume cannot be called ${JSON.stringify(name)}`, {
      hint: 'letters, digits and _.- after the first',
    });
  }
  const engine = await connectEngine(options);
  try {
    verifyHere(engine, name);
    const found = await engine.json({ method: 'GET', path: `/volumes/${name}` });
    return volumeFrom('value' in found ? found.value : await create(engine, name, found), name);
  } finally {
    engine.close();
  }
}

async function create(engine: Engine, name: string, refusal: { status: number; message: string }): Promise<unknown> {
  if (refusal.status !== 404) throw refused(name, refusal);
  const json = { Name: name, Driver: 'local', Labels: { 'toolcrib.mount': 'true' } };
  const made = await engine.json({ method: 'POST', path: '/volumes/create', json });
  if ('value' in made) return made.value;
  throw refused(name, made);
}

function verifyHere({ endpoint }: Engine, name: string): void {
  if (endpoint.kind !== 'unix') throw elsewhere(name, `the engine at ${endpoint.address} may be another machine`);
  if (process.geteuid?.() !== 0) throw elsewhere(name, 'only root writes into the directories of volumes');
}

function volumeFrom(volume: unknown, name: string): LocalVolume {
  const mountpoint = textOf(volume, 'Mountpoint') ?? '';
  const driver = textOf(volume, 'Driver') ?? '';
  if (driver !== 'local') throw elsewhere(name, `its driver is ${driver}, not local`);
  if (keysOf(volume, 'Options').length > 0)
    throw elsewhere(name, 'it has options, so that it may be mounted from elsewhere');
  if (!mountpoint.startsWith('/')) throw elsewhere(name, 'the engine does not tell where its files are');
  return { name, mountpoint };
}

function elsewhere(name: string, why: string): UsageError {
  return new UsageError('USAGE', `the volume ${name} cannot be filled from here: ${why}`, {
    hint: 'use a directory of the machine that the engine runs on: --directory DIR, as root there',
  });
}

function refused(name: string, { status, message }: { status: number; message: string }): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `the engine refused the volume ${name}: ${message || `status ${status}`}`, {
    hint: REFUSED_HINT,
    details: { volume: name, status },
  });
}
