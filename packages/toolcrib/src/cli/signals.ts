import { InterruptedError } from '../core/errors.ts';

const NAMES = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What somebody who subscribed gets besides. Without one it ends this process at once, as it does any other. */
const QUIT = 'SIGQUIT';

export type SignalName = (typeof NAMES)[number] | typeof QUIT;

/** What the signals that this process gets do: they abort the work, or they go to whoever subscribed. */
export interface Signals {
  /** Aborted by the first signal that nobody took; the details of the reason have its name. */
  readonly abort: AbortSignal;
  /**
   * From now on signals go to the listener, and nothing is aborted.
   * @returns what ends the subscription.
   */
  readonly subscribe: (listener: (name: SignalName) => void) => () => void;
}

/** Ctrl-C and a polite end abort what is running; a second one ends the process at once. */
export function listenToSignals(process: NodeJS.Process): Signals {
  const controller = new AbortController();
  const listeners = new Set<(name: SignalName) => void>();
  for (const name of NAMES) {
    process.on(name, () => {
      listeners.forEach((listener) => listener(name));
      if (listeners.size > 0) return;
      if (controller.signal.aborted) process.exit(130);
      controller.abort(new InterruptedError(`interrupted by ${name}`, { details: { signal: name } }));
    });
  }
  return {
    abort: controller.signal,
    subscribe(listener) {
      const onQuit = (): void => listener(QUIT);
      process.on(QUIT, onQuit);
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
        process.off(QUIT, onQuit);
      };
    },
  };
}
