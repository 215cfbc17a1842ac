import { UsageError } from '../core/errors.ts';

/** Which SDK the command is said to report from: formats.md 6. */
export const AGENT_SHIMS = ['none', 'openai-agents', 'gemini-google-genai'] as const;

/** What is to be run. */
export interface RunSpec {
  /** `[A-Za-z0-9_-]+`. */
  readonly run_id: string;
  /** In Rust's words: {@link platformName}. */
  readonly platform: string;
  /** One of {@link AGENT_SHIMS}. */
  readonly agent_shim: string;
  readonly command: readonly string[];
  /** Set for the command in addition to what it inherits. */
  readonly env: Readonly<Record<string, string>>;
}

/** Fresh random bytes, e.g. `randomBytes` of `node:crypto`. */
export type Random = (size: number) => Uint8Array;

/** What {@link createRunSpec} cannot know, and what may differ from its defaults. */
export interface RunSpecOptions {
  readonly platform: string;
  readonly random: Random;
  readonly runId?: string;
  readonly agentShim?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A spec with a fresh run id, no shim and no variables unless the options say otherwise. It is not validated yet. */
export function createRunSpec(command: readonly string[], options: RunSpecOptions): RunSpec {
  return {
    run_id: options.runId ?? createRunId(options.random),
    platform: options.platform,
    agent_shim: options.agentShim ?? 'none',
    command,
    env: options.env ?? {},
  };
}

/** `run_` and a UUID of version 4 (RFC 9562) without dashes. */
export function createRunId(random: Random): string {
  const hex = Buffer.from(random(16)).toString('hex');
  const variant = '89ab'.charAt(parseInt(hex.charAt(16), 16) % 4);
  return `run_${hex.slice(0, 12)}4${hex.slice(13, 16)}${variant}${hex.slice(17, 32)}`;
}

/** Not empty, and nothing but ASCII letters, digits, `_` and `-`. */
export function isRunId(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text);
}

/**
 * The first thing that is wrong with a spec, in the words of the format; undefined when it is valid. A colon has a
 * message of its own because it separates prefixes, as in `allow:filesystem.read_file`.
 */
export function runSpecProblem(spec: RunSpec): string | undefined {
  if (spec.command.length === 0) return 'command must not be empty';
  if (spec.run_id === '') return 'run_id must not be empty';
  if (spec.run_id.includes(':')) return "run_id must not contain ':'";
  if (!isRunId(spec.run_id)) return "run_id may only contain ASCII letters, digits, '_' and '-'";
  if (!AGENT_SHIMS.some((shim) => shim === spec.agent_shim)) {
    return `unsupported agent shim ${JSON.stringify(spec.agent_shim)}`;
  }
  return undefined;
}

/** @throws UsageError `RUN_SPEC_INVALID` with the message of {@link runSpecProblem}. */
export function verifyRunSpec(spec: RunSpec): void {
  const problem = runSpecProblem(spec);
  if (problem === undefined) return;
  throw new UsageError('RUN_SPEC_INVALID', problem, { hint: hintFor(problem) });
}

function hintFor(problem: string): string {
  if (problem.startsWith('command')) return 'name the command after "--", e.g. toolcrib run -- make test';
  if (problem.startsWith('unsupported')) return `allowed: ${AGENT_SHIMS.join(', ')}`;
  return 'a run id is e.g. run_001; without one a random one is made';
}
