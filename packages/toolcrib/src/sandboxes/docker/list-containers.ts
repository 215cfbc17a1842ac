import { listOf, textOf } from '../../core/json-fields.ts';
import { NotFoundError, RemoteError } from '../../core/errors.ts';
import { connectEngine, type ConnectOptions, type Engine, type EngineScheme } from './engine.ts';
import { REFUSED_HINT } from './refusals.ts';

/** Running containers that somebody marked. */
export interface LabelledContainers {
  /** Which engine. */
  readonly scheme: EngineScheme;
  /** `KEY`, with any value, or `KEY=VALUE`. */
  readonly label: string;
}

/**
 * Asks an engine for its running containers with a label; paused ones are not among them.
 * @returns their references by name, e.g. `docker:web`, sorted; at least one.
 * @throws NotFoundError `SANDBOX_NOT_FOUND` when there is none; RemoteError `UNREACHABLE`, `REMOTE_REFUSED`; as `connectEngine`.
 */
export async function listContainers(
  { scheme, label }: LabelledContainers,
  options: Omit<ConnectOptions, 'scheme'>,
): Promise<readonly string[]> {
  const engine = await connectEngine({ ...options, scheme });
  try {
    const names = namesIn(await ask(engine, label));
    if (names.length === 0) throw noneHas(label, scheme, engine);
    return names.map((name) => `${scheme}:${name}`).sort();
  } finally {
    engine.close();
  }
}

async function ask(engine: Engine, label: string): Promise<unknown> {
  const filters = encodeURIComponent(JSON.stringify({ label: [label], status: ['running'] }));
  const answer = await engine.json({ method: 'GET', path: `/containers/json?filters=${filters}` });
  if ('value' in answer) return answer.value;
  const { status, message } = answer;
  throw new RemoteError('REMOTE_REFUSED', `the engine at ${engine.endpoint.address} lists no containers: ${message}`, {
    hint: REFUSED_HINT,
    details: { engine: engine.endpoint.address, status },
  });
}

/** Engines write names with a slash before them; a container has one name, and one for each link to it. */
function namesIn(list: unknown): readonly string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((container: unknown) => nameOf(container) ?? []);
}

function nameOf(container: unknown): string | undefined {
  const names = listOf(container, 'Names').filter((name) => typeof name === 'string');
  const own = names.map((name) => name.replace(/^\//, '')).find((name) => !name.includes('/'));
  return own ?? textOf(container, 'Id');
}

function noneHas(label: string, command: EngineScheme, { endpoint }: Engine): NotFoundError {
  const message = `no running container at ${endpoint.address} has the label ${label}`;
  return new NotFoundError('SANDBOX_NOT_FOUND', message, {
    hint: `containers get it when they are made: ${command} run --label ${label}; ${command} ps --format '{{.Names}} {{.Labels}}' tells which have one`,
    details: { engine: endpoint.address, label },
  });
}
