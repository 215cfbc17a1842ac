/** A server that listens. It names nothing of what the server is made with: its types are part of the library's. */
export interface RunningServer {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /**
   * Takes no more requests, lets those that run come to their end for as long as its patience lasts, and cuts off the
   * rest, of which nothing is left.
   */
  stop(): Promise<void>;
  /** Resolves when it has stopped. */
  readonly stopped: Promise<void>;
}
