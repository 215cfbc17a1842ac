/** Looks in one limit: a time in which this process stood still counts as one of them, not as silence. */
const LOOKS = 10;

export interface SilenceLimitOptions {
  /** Milliseconds. */
  readonly limitMs: number;
  /** How much was told until now; undefined while something that was told waits to be read. */
  readonly told: () => number | undefined;
  /** Called once, when nothing was told for the limit. */
  readonly onSilence: () => void;
}

/** A limit to how long something that has to come to its end may say nothing. */
export interface SilenceLimit {
  /** From now on it has to come to its end. */
  begin(): void;
  /** It has. */
  end(): void;
}

export function createSilenceLimit({ limitMs, told, onSilence }: SilenceLimitOptions): SilenceLimit {
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  let silentLooks = 0;
  let before: number | undefined;

  const end = (): void => {
    isOver = true;
    clearInterval(timer);
  };
  const look = (): void => {
    const now = told();
    silentLooks = now !== undefined && now === before ? silentLooks + 1 : 0;
    before = now;
    if (silentLooks < LOOKS) return;
    end();
    onSilence();
  };
  return {
    begin() {
      if (isOver || timer !== undefined) return;
      before = told();
      timer = setInterval(look, limitMs / LOOKS);
    },
    end,
  };
}
