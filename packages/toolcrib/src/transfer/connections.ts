import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

/** One GET request of one origin; redirects are not followed. */
export interface PlainRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

/** An answer whose body is still to be read or destroyed. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable;
}

/** Ways to servers. Errors of theirs are what `network-failure.ts` understands. */
export interface Connections {
  get(request: PlainRequest): Promise<Answer>;
  /** Ends them all. */
  close(): Promise<void>;
}
