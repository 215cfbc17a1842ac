import type { Progress, Reporter } from '../core/reporter.ts';

/** Many injections as one piece of work. */
export interface ProgressOfAll {
  /** For the injection into one sandbox; `end` is called once, however it went. */
  of(reference: string): { readonly reporter: Reporter; end(): void };
  /** All are over. */
  end(): void;
}

/**
 * One bar for many injections, in place of one for each: they would be drawn over each other. Each sandbox counts for as many
 * bytes as the first one takes. Steps are not told, as what comes of all has them; warnings say whose they are.
 * @param count of sandboxes.
 */
export function progressOfAll(reporter: Reporter, count: number): ProgressOfAll {
  let share = 0; // of one sandbox, in bytes
  let bar: Progress | undefined;
  const begin = (total: number | undefined): void => {
    if (bar !== undefined) return;
    share = total ?? 0;
    bar = reporter.progress(`inject into ${count} sandboxes`, share * count);
  };
  return {
    of(reference) {
      let mine = 0;
      const advance = (bytes: number): void => {
        const more = Math.min(bytes, share - mine);
        if (more <= 0) return;
        mine += more;
        bar?.advance(more);
      };
      return {
        reporter: {
          notice(notice) {
            if (notice.kind === 'warning') reporter.notice({ ...notice, text: `${reference}: ${notice.text}` });
          },
          progress(_, total) {
            begin(total);
            return { advance, end: () => undefined };
          },
        },
        end: () => advance(share),
      };
    },
    end: () => bar?.end(),
  };
}
