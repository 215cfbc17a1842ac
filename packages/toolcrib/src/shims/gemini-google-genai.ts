import { createCallBook, type CallBook } from './gemini-calls.ts';
import { answersIn, answersOf, callOf, callsIn } from './gemini-content.ts';
import { prototypeOf, whenLoaded } from './module-exports.ts';
import { isFunction, observedFunction, property, quietly, type AnyFunction } from './observed-function.ts';
import { sdkEventLogOf, type SdkEventLog } from './sdk-event-log.ts';

/**
 * Preloaded into an agent: tells of the function calls in what `generateContent` and `generateContentStream` of
 * `@google/genai` return and are given, also through a chat. Documented in docs/guides/agent-layers.md.
 */

const PACKAGE = { packageName: '@google/genai', path: /^dist\/(?:node\/|web\/)?index\.[cm]?js$/ };
const METHODS = ['generateContent', 'generateContentStream'] as const;

const log = sdkEventLogOf(process.env, 'gemini-google-genai');
if (log !== undefined) observeModels(log);

function observeModels(events: SdkEventLog): void {
  whenLoaded([PACKAGE], (module) => {
    const prototype = prototypeOf(module, 'Models');
    if (prototype === undefined) return;
    const book = createCallBook(events, module.sdk);
    const used = onceAtExit((code) => (code === 0 ? events.runFinished(module.sdk) : events.runFailed(module.sdk)));
    for (const name of METHODS) {
      observeMethod(prototype, name, (method) =>
        observedFunction(method, {
          called(_models, [params]) {
            used();
            answersIn(property(params, 'contents')).forEach(book.answered);
            watchTools(property(property(params, 'config'), 'tools'), book);
          },
          returned: (response) => watchResponse(response, book),
        }),
      );
    }
  });
}

/** The SDK has no notion of a run: one is over when a process that used the SDK ends by itself. */
function onceAtExit(tell: (code: number) => void): () => void {
  let isSubscribed = false;
  return () => {
    if (isSubscribed) return;
    isSubscribed = true;
    process.once('exit', (code) => quietly(() => tell(code)));
  };
}

/** A method of the class, or one that every instance is given in the constructor, which is how this SDK has it. */
function observeMethod(prototype: object, name: string, observe: (method: AnyFunction) => AnyFunction): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  const method: unknown = descriptor?.value;
  if (isFunction(method)) {
    Object.defineProperty(prototype, name, { ...descriptor, value: observe(method) });
    return;
  }
  Object.defineProperty(prototype, name, {
    configurable: true,
    get: () => undefined,
    set(this: object, given: unknown) {
      const value = isFunction(given) ? observe(given) : given;
      Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
    },
  });
}

/** A response as a whole, or a generator of pieces of one. */
function watchResponse(response: unknown, book: CallBook): void {
  const next = property(response, 'next');
  if (!isFunction(next)) {
    callsIn(response).forEach(book.started);
    return;
  }
  replace(
    response,
    'next',
    observedFunction(next, { returned: (step) => callsIn(property(step, 'value')).forEach(book.started) }),
  );
}

const watchedTools = new WeakSet<AnyFunction>();

/** Tools that the SDK calls by itself (automatic function calling). */
function watchTools(tools: unknown, book: CallBook): void {
  if (!Array.isArray(tools)) return;
  for (const tool of tools) {
    const callTool = property(tool, 'callTool');
    if (!isFunction(callTool) || watchedTools.has(callTool)) continue;
    const watched = observedFunction(callTool, {
      called(_tool, [calls]) {
        if (Array.isArray(calls)) calls.forEach((call) => quietly(() => startedOf(call, book)));
      },
      returned: (parts) => answersOf(parts).forEach(book.answered),
    });
    watchedTools.add(watched);
    replace(tool, 'callTool', watched);
  }
}

function startedOf(object: unknown, book: CallBook): void {
  const call = callOf(object);
  if (call !== undefined) book.started(call);
}

/** In the object itself: a copy would not see what the SDK changes in it. */
function replace(object: unknown, name: string, value: AnyFunction): void {
  if (typeof object !== 'object' || object === null) return;
  const enumerable = Object.getOwnPropertyDescriptor(object, name)?.enumerable ?? false;
  Object.defineProperty(object, name, { value, enumerable, writable: true, configurable: true });
}
