import { SandboxError } from '../../core/errors.ts';
import type { Container } from './container.ts';
import { fieldOf, textOf } from '../../core/json-fields.ts';

/** Why programs cannot be started in a container. */
export interface ContainerState {
  /** In the engine's word: `paused`, `restarting`, `created`, `exited`, `removing`, `dead`, … */
  readonly state: string;
  /** What goes behind the container's name, e.g. `is exited (code 137)`. */
  readonly what: string;
  /** What to do about it. */
  readonly hint: string;
}

/**
 * Checks that programs can be started in the container.
 * @param container as `GET /containers/{id}/json` describes it.
 * @throws SandboxError `SANDBOX_STATE` naming the state, the engine's own reason for it, and what to do.
 */
export function verifyRunning(description: unknown, container: Container): void {
  const found = describeState(description, container);
  if (found === undefined) return;
  const { state, what, hint } = found;
  throw new SandboxError('SANDBOX_STATE', `${container.reference} ${what}, it must be running`, {
    hint,
    details: { sandbox: container.reference, state },
  });
}

/** The state of a container in which programs cannot be started; undefined when they can. */
export function describeState(description: unknown, container: Container): ContainerState | undefined {
  const state = stateOf(description);
  if (state === 'running') return undefined;
  const why = reasonsOf(description, state);
  return { state, what: `is ${state}${why === '' ? '' : ` (${why})`}`, hint: hintFor(state, container) };
}

function stateOf(description: unknown): string {
  // Engines call a paused or restarting container running, too.
  if (fieldOf(description, 'State', 'Paused') === true) return 'paused';
  if (fieldOf(description, 'State', 'Restarting') === true) return 'restarting';
  if (fieldOf(description, 'State', 'Dead') === true) return 'dead';
  const status = textOf(description, 'State', 'Status') || 'not running';
  if (fieldOf(description, 'State', 'Running') === true && status !== 'removing' && status !== 'stopping') {
    return 'running';
  }
  return status === 'running' ? 'not running' : status;
}

function reasonsOf(description: unknown, state: string): string {
  const code = fieldOf(description, 'State', 'ExitCode');
  const words = textOf(description, 'State', 'Error')?.trim().slice(0, 500) ?? '';
  const reasons = [
    ['exited', 'restarting', 'dead'].includes(state) && typeof code === 'number' ? `code ${code}` : '',
    fieldOf(description, 'State', 'OOMKilled') === true ? 'it ran out of memory' : '',
    words,
  ];
  return reasons.filter((reason) => reason !== '').join(', ');
}

function hintFor(state: string, { command, reference }: Container): string {
  const name = reference.slice(reference.indexOf(':') + 1);
  if (state === 'paused') return `${command} unpause ${name}`;
  if (state === 'restarting') return `its program ends again and again: see ${command} logs ${name}`;
  if (['removing', 'dead', 'stopping'].includes(state)) return `it is going away: run another container`;
  return `start it: ${command} start ${name}; when it ends at once, see ${command} logs ${name}`;
}
