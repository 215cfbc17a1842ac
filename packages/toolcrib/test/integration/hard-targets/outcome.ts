import type { SandboxError } from '../../../src/core/errors.ts';
import type { Placement } from '../../../src/inject/placement.ts';
import type { Content, HardTarget } from './target.ts';

/** What came of an injection, in the words of the table. */
export interface Outcome {
  readonly name: string;
  readonly content: Content;
  readonly method: string;
  readonly protection: string;
  readonly result: string;
}

const READERS: Readonly<Record<Placement['readBack'], string>> = {
  engine: 'the engine',
  host: 'toolcrib, from this host',
  exec: 'programs of the sandbox',
};

export function provenOutcome({ name, content }: HardTarget, placement: Placement): Outcome {
  const { rung, directory, protection, readBack } = placement;
  const parent = directory.slice(0, directory.lastIndexOf('/'));
  const read = rung === 'overlay' ? 'read on this host by toolcrib' : `read back by ${READERS[readBack]}`;
  const result = `proven, ${read}`;
  return { name, content, method: `\`${rung}\` in \`${parent}\``, protection: `\`${protection}\``, result };
}

/** @param reference of the sandbox, which another run calls otherwise. */
export function refusedOutcome({ name, content }: HardTarget, error: SandboxError, reference: string): Outcome {
  const { plan, missing } = error.details;
  const reasons = Array.isArray(plan) ? plan.map(reasonOf) : Array.isArray(missing) ? missing : [error.message];
  const told = [...new Set(reasons.map((reason) => withoutChance(String(reason), reference)))];
  return { name, content, method: '–', protection: '–', result: `refused (8): ${told.join('; ')}` };
}

export function restlessOutcome({ name, content }: HardTarget, times: number): Outcome {
  const result = `each of ${times} times proven or refused (8); nothing outside was written`;
  return { name, content, method: 'as it comes', protection: 'as proven', result };
}

/** Of `RUNG in PARENT: REASON`. */
function reasonOf(line: string): string {
  return line.replace(/^\S+ in \S+: /, '');
}

function withoutChance(text: string, reference: string): string {
  return text
    .replaceAll(reference, 'the sandbox')
    .replaceAll(/[a-z-]+-v\d+-[0-9a-f]{12}-[0-9a-f]{16}/g, '…')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
