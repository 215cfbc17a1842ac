import type { Clock } from '../../../src/core/clock.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import type { TransferOptions } from '../../../src/transfer/transfer-options.ts';
import { createTransfer, type Transfer } from '../../../src/transfer/transfer.ts';
import { startProxy } from './proxy-server.ts';

/** A transfer on whose clock waiting takes no time. */
export interface Patient extends AsyncDisposable, Transfer {
  /** In milliseconds, in order. */
  readonly waits: readonly number[];
  /** What it told of them. */
  readonly told: readonly string[];
}

export function transferOf(options: Partial<TransferOptions> = {}): Patient {
  const [waits, told]: [number[], string[]] = [[], []];
  const clock: Clock = {
    now: () => Date.now(),
    elapsed: () => 0,
    sleep: (ms) => (waits.push(ms), Promise.resolve()),
  };
  const reporter = { ...silentReporter, notice: ({ text }: { text: string }) => void told.push(text) };
  const transfer = createTransfer({ offline: false, rewrite: [], clock, random: () => 0, reporter, ...options });
  return { ...transfer, waits, told, [Symbol.asyncDispose]: () => transfer.close() };
}

/** Both kinds of connections. */
export const WAYS = ['directly', 'through a proxy'] as const;

/** A transfer on one of the ways; with a proxy that is ended with it. */
export async function transferBy(
  way: (typeof WAYS)[number],
  options: Partial<TransferOptions> = {},
): Promise<AsyncDisposable & { readonly transfer: Patient }> {
  const proxy = way === 'directly' ? undefined : await startProxy();
  const transfer = transferOf({ ...(proxy && { proxy: { http: proxy.url } }), ...options });
  return {
    transfer,
    async [Symbol.asyncDispose]() {
      await transfer.close();
      await proxy?.[Symbol.asyncDispose]();
    },
  };
}

export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}
