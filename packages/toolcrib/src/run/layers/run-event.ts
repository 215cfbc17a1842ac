import * as z from 'zod/mini';
import { compareCodePoints } from '../../tar/path.ts';
import { isExitCode, isSignalNumber } from '../possible-end.ts';
import type { RunSpec } from '../run-spec.ts';

export const RUN_EVENT_SCHEMA = 'assay.runner.event.v0';

/** The command is about to be started. */
export interface RunStarted {
  readonly schema: typeof RUN_EVENT_SCHEMA;
  readonly run_id: string;
  readonly seq: number;
  readonly type: 'run_started';
  readonly agent_shim: string;
  readonly command: readonly string[];
  /** Sorted names of the variables that the spec sets, not of inherited ones. Values are stored nowhere. */
  readonly env_keys: readonly string[];
  /** Milliseconds since the start. */
  readonly window_elapsed_ms: number;
}

/** How it ended. */
export interface RunFinished {
  readonly schema: typeof RUN_EVENT_SCHEMA;
  readonly run_id: string;
  readonly seq: number;
  readonly type: 'run_finished';
  /** Null when a signal ended the command or nothing was started. */
  readonly exit_code: number | null;
  /** The number of the signal that ended it, e.g. 9; else null. */
  readonly signal: number | null;
  readonly success: boolean;
  /** Milliseconds since the start. */
  readonly window_elapsed_ms: number;
}

export type RunEvent = RunStarted | RunFinished;

/** How a command ended, in the words of an event. */
export type RunEnd = Pick<RunFinished, 'exit_code' | 'signal' | 'success' | 'window_elapsed_ms'>;

/** The first event of a run. @param command redacted already. */
export function runStarted(
  spec: RunSpec,
  { command, envKeys }: { command: readonly string[]; envKeys: readonly string[] },
): RunStarted {
  return {
    schema: RUN_EVENT_SCHEMA,
    run_id: spec.run_id,
    seq: 0,
    type: 'run_started',
    agent_shim: spec.agent_shim,
    command,
    env_keys: [...envKeys].sort(compareCodePoints),
    window_elapsed_ms: 0,
  };
}

/** The last event of a run. */
export function runFinished(runId: string, end: RunEnd): RunFinished {
  const { exit_code, signal, success, window_elapsed_ms } = end;
  const head = { schema: RUN_EVENT_SCHEMA, run_id: runId, seq: 1, type: 'run_finished' } as const;
  return { ...head, exit_code, signal, success, window_elapsed_ms };
}

const count = z.int().check(z.minimum(0));

export const runEventSchema = z.discriminatedUnion('type', [
  z.strictObject({
    schema: z.literal(RUN_EVENT_SCHEMA),
    run_id: z.string(),
    seq: count,
    type: z.literal('run_started'),
    agent_shim: z.string(),
    command: z.array(z.string()).check(z.minLength(1)),
    env_keys: z.array(z.string()),
    window_elapsed_ms: count,
  }),
  z.strictObject({
    schema: z.literal(RUN_EVENT_SCHEMA),
    run_id: z.string(),
    seq: count,
    type: z.literal('run_finished'),
    exit_code: z.nullable(z.int()),
    signal: z.nullable(z.int()),
    success: z.boolean(),
    window_elapsed_ms: count,
  }),
]);

/** Where codes have more bits, and signals no meaning. */
const WINDOWS = 'windows';

/**
 * What is wrong with the events of a whole run, one sentence each: it started once, then it finished once, succeeded
 * exactly when its exit code is 0, and ended as a process can.
 * @param platform where it ran; undefined where nothing tells.
 */
export function runEventProblems(events: readonly RunEvent[], platform: string | undefined): readonly string[] {
  const types = events.map((event) => event.type).join(', ');
  if (types !== 'run_started, run_finished') {
    return [`expected run_started, run_finished; found ${types === '' ? 'no event' : types.slice(0, 200)}`];
  }
  return events.flatMap((event) => (event.type === 'run_finished' ? endProblems(event, platform) : []));
}

function endProblems(event: RunFinished, platform: string | undefined): readonly string[] {
  const problems: string[] = [];
  if (event.success !== (event.exit_code === 0)) {
    problems.push(`success is ${event.success}, but exit_code is ${event.exit_code ?? 'null'}`);
  }
  if (event.signal !== null && event.exit_code !== null) {
    problems.push(`it has the exit code ${event.exit_code} and the signal ${event.signal}`);
  }
  return platform === WINDOWS ? problems : [...problems, ...impossibilities(event)];
}

function impossibilities({ exit_code, signal }: RunFinished): readonly string[] {
  const problems: string[] = [];
  if (exit_code !== null && !isExitCode(exit_code)) problems.push(`no process has the exit code ${exit_code}`);
  if (signal !== null && !isSignalNumber(signal)) problems.push(`no signal has the number ${signal}`);
  return problems;
}
