/** What stages tell a person while they work; only the CLI turns it into text. */
export type Notice =
  | { readonly kind: 'step'; readonly text: string }
  | { readonly kind: 'warning'; readonly text: string; readonly hint?: string };

/** A measured piece of work that a progress bar may show. */
export interface Progress {
  /** More bytes have passed. */
  advance(bytes: number): void;
  /** The work is over, well or badly; call it once. */
  end(): void;
}

/** Stages return data and report here; they never print. Implementations never throw. */
export interface Reporter {
  notice(notice: Notice): void;
  /** @param total in bytes; undefined when it is not known. */
  progress(label: string, total: number | undefined): Progress;
}

/** Says nothing. */
export const silentReporter: Reporter = {
  notice: () => undefined,
  progress: () => ({ advance: () => undefined, end: () => undefined }),
};
