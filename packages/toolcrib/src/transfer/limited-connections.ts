import { finished } from 'node:stream';
import type { Connections } from './connections.ts';

/** How many requests one origin gets at once. */
export interface ParallelLimit {
  readonly requests: number;
  /**
   * Milliseconds after which a request goes ahead all the same: whoever holds the others may wait for this one. The limit
   * is good manners, and must not become a deadlock.
   */
  readonly patienceMs: number;
}

/** Connections that ask no origin for more than so much at once: from sending a request to the end of its answer's body. */
export function limitParallel(connections: Connections, limit: ParallelLimit): Connections {
  const gates = new Map<string, Gate>();
  const gateOf = (origin: string): Gate => {
    const gate = gates.get(origin) ?? new Gate(limit);
    gates.set(origin, gate);
    return gate;
  };
  return {
    async send(request) {
      const gate = gateOf(request.url.origin);
      try {
        await gate.enter(request.signal);
      } catch (error) {
        request.body?.destroy();
        throw error;
      }
      try {
        const answer = await connections.send(request);
        finished(answer.body, { writable: false }, () => gate.leave());
        return answer;
      } catch (error) {
        gate.leave();
        throw error;
      }
    },
    close: () => connections.close(),
  };
}

/** Lets so many in; the others wait in line. */
class Gate {
  readonly #limit: ParallelLimit;
  readonly #line = new Set<() => void>();
  #inside = 0;

  constructor(limit: ParallelLimit) {
    this.#limit = limit;
  }

  /** @throws the signal's reason. */
  async enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#inside < this.#limit.requests) this.#inside += 1;
    else if (!(await this.#isLetIn(signal))) signal?.throwIfAborted();
  }

  leave(): void {
    this.#inside -= 1;
    const [first] = this.#line;
    if (this.#inside < this.#limit.requests) first?.();
  }

  /** Waits in line; false after an abort. */
  #isLetIn(signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isLetIn: boolean): void => {
        this.#line.delete(proceed);
        clearTimeout(patience);
        signal?.removeEventListener('abort', abort);
        resolve(isLetIn);
      };
      const proceed = (): void => {
        this.#inside += 1;
        end(true);
      };
      const abort = (): void => end(false);
      const patience = setTimeout(proceed, this.#limit.patienceMs);
      this.#line.add(proceed);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
