import type * as z from 'zod/mini';
import type { effectEventSchema } from '../layers/effect-event.ts';
import { KERNEL_RAW_SCHEMA, type ReadRawEvent } from '../layers/kernel-raw-event.ts';
import { countCall } from './count-call.ts';
import { createCounts, finishedCounts, type NormaliserCounts } from './normalised.ts';
import { observedCallFrom } from './raw-replay.ts';

type ReadEffect = z.infer<typeof effectEventSchema>;

/** Counts once more what lines of `toolcrib/effects.ndjson` tell: a capture has seen at least that. */
export interface EffectReplay {
  take(event: ReadEffect): void;
  blindSpots(): NormaliserCounts['blind_spots'];
}

/** Keeps nothing but counts. */
export function createEffectReplay(): EffectReplay {
  const counts = createCounts();
  return {
    take(event) {
      const raw = { ...event, schema: KERNEL_RAW_SCHEMA, tid: event.pid, kind: rawKind(event) } as const;
      countCall(counts, observedCallFrom(raw), { to: 'effects' });
    },
    blindSpots: () => finishedCounts(counts).blind_spots,
  };
}

/** Connects and sends stand among the effects as blind spots; only they have a peer. */
function rawKind({ kind, call, peer }: ReadEffect): ReadRawEvent['kind'] {
  if (kind !== 'blind_spot' || peer === undefined) return kind;
  return call === 'connect' ? 'connect' : 'send';
}
