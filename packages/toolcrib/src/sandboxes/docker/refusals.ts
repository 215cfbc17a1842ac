import { NotFoundError, RemoteError, SandboxError, type ToolcribError } from '../../core/errors.ts';
import type { Container } from './container.ts';
import type { EngineRefusal } from './engine.ts';
import { describeState } from './state.ts';

/** What to do about a refusal for which nothing is known but what the engine says. */
export const REFUSED_HINT =
  "the words are the engine's: mend what they tell, or look into its log, and repeat the command";

/** There is no such container at the engine. */
export function notFound({ reference, engine, command }: Container): NotFoundError {
  const { address } = engine.endpoint;
  return new NotFoundError('SANDBOX_NOT_FOUND', `there is no ${reference} at ${address}`, {
    hint: `list the running containers with \`${command} ps\``,
    details: { sandbox: reference, engine: address },
  });
}

/** The engine said no for a reason of its own. */
export function refusedCall({ reference }: Container, { status, message }: EngineRefusal): RemoteError {
  const why = message || `status ${status}`;
  return new RemoteError('REMOTE_REFUSED', `the engine refused a call for ${reference}: ${why}`, {
    hint: REFUSED_HINT,
    details: { sandbox: reference, status },
  });
}

/** What a refusal is to callers: the container's state when it does not run any more, else a {@link refusedCall}. */
export async function explainRefusal(container: Container, refusal: EngineRefusal): Promise<ToolcribError> {
  return (await stateNow(container, refusal)) ?? refusedCall(container, refusal);
}

/**
 * Looks whether a call was refused because the container has stopped, was paused or was removed since it was opened.
 * Engines say that with various statuses and words.
 * @returns SandboxError `SANDBOX_STATE` with the engine's words; undefined when the container runs.
 * @throws RemoteError `UNREACHABLE`.
 */
export async function stateNow(container: Container, refusal: EngineRefusal): Promise<SandboxError | undefined> {
  const { reference, engine, command } = container;
  const answer = await engine.json({ method: 'GET', path: `${container.path}/json` });
  const gone = 'status' in answer && answer.status === 404;
  if ('status' in answer && !gone) return undefined;
  const found = gone ? undefined : describeState('value' in answer ? answer.value : undefined, container);
  if (!gone && found === undefined) return undefined;
  const { state, what, hint } = found ?? {
    state: 'removed',
    what: 'was removed',
    hint: `see \`${command} ps --all\`, and name a container that runs`,
  };
  return new SandboxError('SANDBOX_STATE', `${reference} ${what} while it was used: ${refusal.message}`, {
    hint,
    details: { sandbox: reference, state },
  });
}

/** The container is gone, and not only a path in it. */
export function isGone(refusal: EngineRefusal): boolean {
  return refusal.status === 404 && /no such container/i.test(refusal.message);
}
