import type { Clock } from '../core/clock.ts';
import type { Reporter } from '../core/reporter.ts';

/** After this many milliseconds an interrupted wait is told: most end sooner. */
const SILENT_MS = 2000;

/** Who is waited for, and who is told. */
export interface Wait {
  /** Reference of the sandbox. */
  readonly reference: string;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Works with a sandbox. When that is interrupted and does not end soon, since an engine stands still or a tree is taken
 * away, it is said once what is waited for, and that nobody has to.
 * @throws what the work throws.
 */
export async function tellingInterruptedWait<T>(
  { reference, clock, reporter, signal }: Wait,
  work: () => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const tell = () => {
    const text = `interrupted, and waiting for an answer of ${reference}`;
    const hint = 'Ctrl-C again ends at once; what is half placed then, nobody uses, and the next injection takes away';
    clock.sleep(SILENT_MS, over.signal).then(
      () => reporter.notice({ kind: 'warning', text, hint }),
      () => undefined,
    );
  };
  signal?.addEventListener('abort', tell, { once: true, signal: over.signal });
  try {
    return await work();
  } finally {
    over.abort();
  }
}
