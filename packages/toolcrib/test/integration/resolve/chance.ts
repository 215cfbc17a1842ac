/** Random choices that a seed repeats. */
export interface Chance {
  /** 0 ≤ n < 1. */
  fraction(): number;
  /** 0 ≤ n < `end`, whole. */
  below(end: number): number;
  /** @throws Error when there is nothing to pick. */
  pick<T>(choices: readonly T[]): T;
  /** Some of them, at least one, in any order. */
  some<T>(choices: readonly T[]): readonly T[];
}

export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  // A linear step, and a mix of its bits: that of the generator "mulberry32".
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number): number => Math.floor(fraction() * end);
  return {
    fraction,
    below,
    pick(choices) {
      const [choice] = choices.slice(below(choices.length));
      if (choice === undefined) throw new Error('there is nothing to pick');
      return choice;
    },
    some(choices) {
      const shuffled = choices.map((choice) => ({ choice, at: fraction() })).sort((a, b) => a.at - b.at);
      return shuffled.slice(0, 1 + below(choices.length)).map(({ choice }) => choice);
    },
  };
}
