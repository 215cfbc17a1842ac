import { prototypeOf, whenLoaded } from './module-exports.ts';
import { isFunction, observedFunction, property, quietly } from './observed-function.ts';
import { isName, sdkEventLogOf, type SdkEventLog, type SdkIdentity, type ToolCall } from './sdk-event-log.ts';

/**
 * Preloaded into an agent: tells what the run hooks of `@openai/agents` tell. A runner calls them for every tool that it
 * calls itself, whether tracing is on or not. Documented in docs/guides/agent-layers.md.
 */

const CORE = '@openai/agents-core';
/** Hands on all of the core, in the same version. Who imports it knows the SDK by its name. */
const UMBRELLA = '@openai/agents';
const INDEX = /^dist\/index\.m?js$/;

const log = sdkEventLogOf(process.env, 'openai-agents');
if (log !== undefined) observeRunners(log);

function observeRunners(events: SdkEventLog): void {
  let umbrella: SdkIdentity | undefined;
  const awaited = [
    { packageName: CORE, path: INDEX },
    { packageName: UMBRELLA, path: INDEX },
  ];
  whenLoaded(awaited, (module) => {
    const prototype = module.sdk.name === UMBRELLA ? undefined : prototypeOf(module, 'Runner');
    if (module.sdk.name === UMBRELLA) umbrella ??= module.sdk;
    if (prototype !== undefined) observeRunnerClass(prototype, { events, sdk: () => umbrella ?? module.sdk });
  });
}

/** Where events of one copy of the SDK go. */
interface Telling {
  readonly events: SdkEventLog;
  /** Known when all is loaded, which is before anything runs. */
  readonly sdk: () => SdkIdentity;
}

function observeRunnerClass(prototype: object, telling: Telling): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'run');
  const run: unknown = descriptor?.value;
  if (!isFunction(run)) return;
  const known = new WeakSet<object>();
  const value = observedFunction(run, {
    called: (runner) => listenTo(runner, known, telling),
    returned: (result) => tellEnd(result, telling),
    failed: () => telling.events.runFailed(telling.sdk()),
  });
  Object.defineProperty(prototype, 'run', { ...descriptor, value });
}

/** Once for each runner: it may run many times. */
function listenTo(runner: unknown, known: WeakSet<object>, { events, sdk }: Telling): void {
  if (typeof runner !== 'object' || runner === null || known.has(runner)) return;
  const on = property(runner, 'on');
  if (!isFunction(on)) return;
  known.add(runner);
  const listen = (name: string, told: (call: ToolCall) => void): void => {
    const listener = (...args: readonly unknown[]): void => {
      quietly(() => told(toolCallIn(args, events)));
    };
    Reflect.apply(on, runner, [name, listener]);
  };
  listen('agent_tool_start', (call) => events.toolCallStarted(sdk(), call));
  listen('agent_tool_end', (call) => events.toolCallCompleted(sdk(), call));
}

/** What a run hook is handed: context, agent, tool, at the end of a call its result, and details with the call. */
function toolCallIn(args: readonly unknown[], events: SdkEventLog): ToolCall {
  const tool = property(args[2], 'name');
  const call = property(args.at(-1), 'toolCall');
  const id = property(call, 'callId');
  return {
    id: events.idOf(call, id),
    tool: isName(tool) ? tool : 'unknown',
  };
}

/** A streamed run goes on after its `run()` returned. The SDK handles the rejection of that promise itself. */
function tellEnd(value: unknown, { events, sdk }: Telling): void {
  const completed = property(value, 'completed');
  if (!(completed instanceof Promise)) {
    events.runFinished(sdk());
    return;
  }
  completed.then(
    () => events.runFinished(sdk()),
    () => events.runFailed(sdk()),
  );
}
