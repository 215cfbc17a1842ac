import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One request to one origin; redirects are not followed. */
export interface PlainRequest {
  readonly method: Method;
  readonly url: URL;
  /** Names in lower case; `content-length` is among them where there is a body. */
  readonly headers: Readonly<Record<string, string>>;
  /** Destroyed by whoever sends it when the request ends before it. */
  readonly body: Readable | undefined;
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
  send(request: PlainRequest): Promise<Answer>;
  /** Ends them all. */
  close(): Promise<void>;
}
