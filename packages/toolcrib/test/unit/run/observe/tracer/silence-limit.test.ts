import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createSilenceLimit } from '../../../../../src/run/observe/tracer/silence-limit.ts';

describe('a limit to silence', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function limited(told: () => number | undefined) {
    const onSilence = vi.fn();
    return { limit: createSilenceLimit({ limitMs: 1000, told, onSilence }), onSilence };
  }

  test('ends what says nothing for that long, once', () => {
    const { limit, onSilence } = limited(() => 7);
    vi.advanceTimersByTime(5000);
    limit.begin();
    limit.begin();
    vi.advanceTimersByTime(999);
    expect(onSilence).not.toHaveBeenCalled();
    vi.advanceTimersByTime(5000);
    expect(onSilence).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('leaves what goes on telling, or waits for its reader', () => {
    let told: number | undefined = 0;
    const { limit, onSilence } = limited(() => told);
    limit.begin();
    for (let time = 0; time < 10_000; time += 900) {
      told = time;
      vi.advanceTimersByTime(900);
    }
    told = undefined;
    vi.advanceTimersByTime(10_000);
    expect(onSilence).not.toHaveBeenCalled();
  });

  test('is over with what it limits, and does not begin again', () => {
    const { limit, onSilence } = limited(() => 7);
    limit.begin();
    limit.end();
    limit.begin();
    vi.advanceTimersByTime(5000);
    expect(onSilence).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});
