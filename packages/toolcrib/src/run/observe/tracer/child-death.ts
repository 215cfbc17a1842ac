import type { ChildProcess } from 'node:child_process';
import { messageOf } from '../../../core/errors.ts';

/** Milliseconds from its kill until a process has to be gone. */
const DEATH_MS = 5000;

/** How a child left. */
export interface Departure {
  /** As the end of a sentence about it. */
  readonly reason: string;
  /** False for one that was killed and is still there. */
  readonly isDead: boolean;
}

/** The end of a child, which a kill does not bring about where it is frozen: it dies when it is thawed. */
export interface ChildDeath {
  /** Resolves when it is dead, or nobody waits for that any more. Never rejects. */
  readonly gone: Promise<Departure>;
  kill(): void;
}

export function watchDeath(child: ChildProcess, deathMs = DEATH_MS): ChildDeath {
  const gone = Promise.withResolvers<Departure>();
  let timer: NodeJS.Timeout | undefined;
  const leave = (departure: Departure): void => {
    clearTimeout(timer);
    gone.resolve(departure);
  };
  child.on('error', (error) => leave({ reason: `it cannot be started: ${messageOf(error)}`, isDead: true }));
  child.once('exit', (code, signal) => leave({ reason: `it ended with ${signal ?? code ?? 'no code'}`, isDead: true }));
  return {
    gone: gone.promise,
    kill() {
      child.kill('SIGKILL');
      timer ??= setTimeout(() => leave({ reason: 'it was killed, and does not end', isDead: false }), deathMs);
    },
  };
}
