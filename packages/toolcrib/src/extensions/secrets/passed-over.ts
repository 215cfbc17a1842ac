/** So many warnings about one thing somebody reads; the rest are only counted. */
const MAX_WARNINGS = 20;

/** Warnings about one file or one extension. */
export interface PassedOver {
  /** @param tell is only called for a warning that is told: a file can have a million faults. */
  add(tell: () => string): void;
  /** In the order in which they came; how many more there were is the last. */
  told(): readonly string[];
}

/** @param about what they are about, for the line that counts the rest. */
export function collectPassedOver(about: string): PassedOver {
  const told: string[] = [];
  let more = 0;
  return {
    add(tell) {
      if (told.length < MAX_WARNINGS) told.push(tell());
      else more += 1;
    },
    told: () => (more === 0 ? told : [...told, `${about}: and ${more} more`]),
  };
}
