/** Options for vitest's `describe` and `test`: run, or be skipped with a reason that the summary of all lanes prints. */
export interface Requirement {
  readonly skip: boolean;
  readonly meta: { readonly skipReason?: string };
}

declare module 'vitest' {
  interface TaskMeta {
    skipReason?: string;
  }
}

/**
 * Says what tests need: `describe('…', requireOrSkip(await dockerAvailable()), () => …)`. Given `undefined`, nothing is
 * missing and they run. Given a reason, they are skipped with it.
 *
 * @throws Error under `CI=true` when there is a reason: where everything is installed, no test skips itself.
 */
export function requireOrSkip(reason: string | undefined): Requirement {
  if (reason === undefined) return { skip: false, meta: {} };
  if (process.env['CI'] === 'true') throw new Error(`CI must not go without: ${reason}`);
  return { skip: true, meta: { skipReason: reason } };
}
