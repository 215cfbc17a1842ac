/** Any function of somebody else. */
export type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** What is looked at around a call. Whatever these throw changes nothing. */
export interface CallObserver {
  called?(self: unknown, args: readonly unknown[]): void;
  /** What it returned, or what its promise was fulfilled with. */
  returned?(value: unknown, args: readonly unknown[]): void;
  /** Its promise was rejected. */
  failed?(): void;
}

export function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function';
}

/**
 * The same function to everybody who calls or looks at it. A promise that it returns becomes one that settles the same:
 * not a second one beside it, because what is rejected and handled by nobody ends a process, and what is handled does not.
 */
export function observedFunction(fn: AnyFunction, observer: CallObserver): AnyFunction {
  return new Proxy(fn, {
    apply(target, self: unknown, args: unknown[]): unknown {
      quietly(() => observer.called?.(self, args));
      const result: unknown = Reflect.apply(target, self, args);
      const returned = (value: unknown): unknown => {
        quietly(() => observer.returned?.(value, args));
        return value;
      };
      if (!(result instanceof Promise)) return returned(result);
      return result.then(returned, (error: unknown) => {
        quietly(() => observer.failed?.());
        throw error;
      });
    },
  });
}

/** Runs what must not disturb the program that it runs in. */
export function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** A property of whatever it is. */
export function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
