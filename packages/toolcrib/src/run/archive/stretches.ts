import type { Stretch } from '../../core/archive-account.ts';

/** Counts events in their order, in a bounded number of stretches of one length. */
export interface Stretches {
  add(sort: keyof Omit<Stretch, 'from'>): void;
  list(): readonly Stretch[];
}

/** An even number: two stretches become one when there are more. */
const MOST = 240;

type Counts = { -readonly [Name in keyof Omit<Stretch, 'from'>]: number };

export function createStretches(): Stretches {
  let length = 1;
  let events = 0;
  let stretches: Counts[] = [];
  return {
    add(sort) {
      if (events === length * MOST) {
        length *= 2;
        stretches = joined(stretches);
      }
      const place = Math.floor(events / length);
      const counts = (stretches[place] ??= { files: 0, network: 0, programs: 0, others: 0 });
      counts[sort] += 1;
      events += 1;
    },
    list: () => stretches.map((counts, place) => ({ from: place * length, ...counts })),
  };
}

function joined(stretches: readonly Counts[]): Counts[] {
  return stretches.flatMap((first, place) => {
    const second = stretches[place + 1];
    if (place % 2 === 1 || second === undefined) return [];
    return [
      {
        files: first.files + second.files,
        network: first.network + second.network,
        programs: first.programs + second.programs,
        others: first.others + second.others,
      },
    ];
  });
}
