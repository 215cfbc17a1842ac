import { closeSync, constants, openSync, writeSync } from 'node:fs';

/** The only format that is written. */
const SCHEMA = 'assay.runner.sdk_event.v0';

/** More of a text would make the whole log one that is refused. */
const MOST_OF_A_TEXT = 1024;

/** Which SDK tells something. */
export interface SdkIdentity {
  /** E.g. `@openai/agents`. */
  readonly name: string | null;
  readonly version: string | null;
}

/** What an SDK tells. Nothing here throws, waits, or tells arguments or results. */
export interface SdkEventLog {
  toolCallStarted(sdk: SdkIdentity, call: ToolCall): void;
  toolCallCompleted(sdk: SdkIdentity, call: ToolCall): void;
  runFinished(sdk: SdkIdentity): void;
  runFailed(sdk: SdkIdentity): void;
  /**
   * The id of a call; for one without, an id that says so, and that no other call of the run has.
   * @param call what the SDK has for it: the same object has the same id.
   * @param id what the SDK says it is.
   */
  idOf(call: unknown, id: unknown): string;
}

/** A call of a tool. */
export interface ToolCall {
  readonly id: string;
  readonly tool: string;
}

/**
 * The log that the recorder asked for in the environment; undefined when nobody asked, or in another format. Several
 * processes and threads of one run append to one file: each line is written by one `write` at the end of the file, which
 * the kernel does not mix with others; each writer counts its own lines, and tells which they are.
 * @param shim in the field `source`.
 */
export function sdkEventLogOf(
  env: Readonly<Record<string, string | undefined>>,
  shim: string,
): SdkEventLog | undefined {
  const path = env['ASSAY_RUNNER_SDK_EVENT_LOG'];
  const runId = env['ASSAY_RUNNER_RUN_ID'];
  if (path === undefined || runId === undefined || env['ASSAY_RUNNER_SDK_EVENT_SCHEMA'] !== SCHEMA) return undefined;
  // A process may have several threads, and its id may come again within a run. Loading what tells threads apart costs more.
  const writer = `${process.pid}.${Math.random().toString(36).slice(2)}`;
  let seq = 0;
  let unnamed = 0;
  const ids = new WeakMap<object, string>();
  let isBroken = false;
  const write = (event_type: string, sdk: SdkIdentity, call: ToolCall | undefined): void => {
    if (isBroken) return;
    const head = { schema: SCHEMA, run_id: runId, seq, event_type, source: `toolcrib-shim/${shim}` };
    const version = { sdk_name: sdk.name, sdk_version: sdk.version };
    const told = { tool_call_id: short(call?.id), tool: short(call?.tool), writer };
    isBroken = !append(path, `${JSON.stringify({ ...head, ...version, ...told })}\n`);
    seq += 1;
  };
  return {
    toolCallStarted: (sdk, call) => write('tool_call_started', sdk, call),
    toolCallCompleted: (sdk, call) => write('tool_call_completed', sdk, call),
    runFinished: (sdk) => write('run_finished', sdk, undefined),
    runFailed: (sdk) => write('run_failed', sdk, undefined),
    idOf(call, id) {
      if (isName(id)) return id;
      const key = typeof call === 'object' && call !== null ? call : {};
      const made = ids.get(key) ?? `no-id.${writer}.${(unnamed += 1)}`;
      ids.set(key, made);
      return made;
    },
  };
}

/** Whether a name or an id says anything: a blank one would make the whole log one that is refused. */
export function isName(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

function short(text: string | undefined): string | null {
  return text === undefined ? null : text.trim().slice(0, MOST_OF_A_TEXT);
}

/**
 * Opened each time: an agent may close what it did not open, and the number would be another file's. Not blocking, because
 * a pipe without a reader would.
 * @returns whether all of it is written.
 */
function append(path: string, line: string): boolean {
  try {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
    const file = openSync(path, flags, 0o600);
    try {
      const bytes = Buffer.from(line);
      return writeSync(file, bytes) === bytes.byteLength;
    } finally {
      closeSync(file);
    }
  } catch {
    // Nobody to tell: the agent's own streams are not ours.
    return false;
  }
}
