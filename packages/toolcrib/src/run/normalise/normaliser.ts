import type { ObservedCall } from '../observe/observed-call.ts';
import type { Redactor } from '../redaction/redactor.ts';
import type { SurfaceBuilder } from '../reports/capability-surface.ts';
import { countCall } from './count-call.ts';
import { formatEffectLine, isEffectSource } from './effect-line.ts';
import { fateOf, type Fate } from './fate.ts';
import { createKernelLineFormat } from './kernel-line.ts';
import { createCounts, finishedCounts, type NormaliserCounts } from './normalised.ts';
import { formatRawLine } from './raw-line.ts';

/** What one call becomes: at most one line of each member, ended by a newline. */
export interface NormalisedLines {
  /** Of `layers/kernel.ndjson`. */
  readonly kernel?: string;
  /** Of `toolcrib/effects.ndjson`. */
  readonly effect?: string;
  /** Of `toolcrib/kernel-raw.ndjson`. */
  readonly raw?: string;
}

/**
 * Makes lines of the calls that an observer tells, one call at a time and in their order. Nothing is kept of a call but
 * counts and what the surface keeps.
 */
export interface Normaliser {
  take(call: ObservedCall): NormalisedLines;
  /** What was taken and left out so far. */
  counts(): NormaliserCounts;
}

export interface NormaliserOptions {
  readonly runId: string;
  /** Every text goes through it before it leaves. */
  readonly redactor: Pick<Redactor, 'text'>;
  /**
   * Gets what the kernel lines imply. A run whose attribution turns out to be in doubt has an empty kernel layer: its
   * surface is built anew, without these.
   */
  readonly surface: SurfaceBuilder;
  /** Whether there is a raw member. */
  readonly raw: boolean;
}

export function createNormaliser({ runId, redactor, surface, raw }: NormaliserOptions): Normaliser {
  const counts = createCounts();
  const { lines } = counts;
  const formatKernelLine = createKernelLineFormat(runId);
  const redactedEffect = (text: string): string => redactor.text('effects', text);
  const redactedRaw = (text: string): string => redactor.text('kernel_raw', text);
  let begin: bigint | undefined;

  const linesOf = (call: ObservedCall, fate: Fate): NormalisedLines => {
    if (fate.to === 'kernel') {
      surface.addKernelEvent(fate.kind, fate.value);
      return { kernel: formatKernelLine(lines.kernel++, call.pid, fate) };
    }
    if (fate.to !== 'effects' || !isEffectSource(call)) return {};
    return { effect: formatEffectLine(runId, lines.effects++, call, redactedEffect) };
  };

  return {
    take(call) {
      const fate = fateOf(call, redactor.text);
      countCall(counts, call, fate);
      const normalised = linesOf(call, fate);
      if (!raw) return normalised;
      begin ??= call.time;
      const context = { runId, seq: lines.raw++, begin, redacted: redactedRaw };
      return { ...normalised, raw: formatRawLine(call, context) };
    },
    counts: () => finishedCounts(counts),
  };
}
