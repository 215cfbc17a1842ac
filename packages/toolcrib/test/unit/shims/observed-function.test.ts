import { describe, expect, test } from 'vitest';
import {
  isFunction,
  observedFunction,
  type AnyFunction,
  type CallObserver,
} from '../../../src/shims/observed-function.ts';

const throwing: CallObserver = {
  called: () => {
    throw new Error('observer');
  },
  returned: () => {
    throw new Error('observer');
  },
  failed: () => {
    throw new Error('observer');
  },
};

describe('a function that is observed', () => {
  test('is called with what it was called with, and returns what it returned, whatever observers do', async () => {
    const self = { name: 'self' };
    function original(this: unknown, ...args: unknown[]): unknown {
      return [this, ...args];
    }
    const observed = observedFunction(original, throwing);
    expect(Reflect.apply(observed, self, [1, 2])).toEqual([self, 1, 2]);
    expect([observed.name, observed.length]).toEqual(['original', 0]);
    await expect(observedFunction(() => Promise.resolve(3), throwing)()).resolves.toBe(3);
    await expect(observedFunction(() => Promise.reject(new Error('own')), throwing)()).rejects.toThrow('own');
    const sync: AnyFunction = () => {
      throw new Error('own');
    };
    expect(() => observedFunction(sync, throwing)()).toThrow('own');
  });

  test('tells how it ended, by what it is fulfilled with or that it is rejected', async () => {
    const told: unknown[] = [];
    const observer: CallObserver = {
      called: (_self, args) => told.push(['called', ...args]),
      returned: (value, args) => told.push(['returned', value, ...args]),
      failed: () => told.push(['failed']),
    };
    observedFunction(() => 'now', observer)('a');
    await observedFunction(() => Promise.resolve('later'), observer)('b');
    await Promise.resolve(observedFunction(() => Promise.reject(new Error('no')), observer)('c')).catch(
      () => undefined,
    );
    expect(told).toEqual([
      ['called', 'a'],
      ['returned', 'now', 'a'],
      ['called', 'b'],
      ['returned', 'later', 'b'],
      ['called', 'c'],
      ['failed'],
    ]);
  });

  test('is any function, and nothing else', () => {
    expect([isFunction(() => 1), isFunction(Map), isFunction({}), isFunction(undefined)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
