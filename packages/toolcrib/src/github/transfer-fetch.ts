import { onePiece } from '../core/one-piece.ts';
import type { Method } from '../transfer/connections.ts';
import { repeatableBody } from '../transfer/repeatable-body.ts';
import type { RequestBody } from '../transfer/request-body.ts';
import type { Transfer } from '../transfer/transfer.ts';

/** No answer of the API is larger, in bytes: a page of a hundred releases with all their assets is below. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** Bytes as Octokit hands them on unchanged: it writes plain objects as JSON. */
export class UploadBody implements RequestBody {
  readonly size: number;
  readonly open: () => AsyncIterable<Uint8Array>;

  constructor(body: RequestBody) {
    this.size = body.size;
    this.open = () => body.open();
  }
}

/** What Octokit passes to its `fetch`. */
export interface FetchRequest {
  readonly method: Method;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | UploadBody;
  readonly signal?: AbortSignal;
}

/** What of an answer Octokit looks at. */
export interface FetchAnswer {
  readonly status: number;
  readonly url: string;
  readonly headers: ReadonlyMap<string, string>;
  text(): Promise<string>;
  arrayBuffer(): Promise<Uint8Array>;
}

/**
 * A `fetch` for Octokit that goes the way of all our connections: proxies, authorities, rewrite rules, offline. It makes
 * one attempt. The token is added here, where it cannot get into anything that Octokit keeps or throws.
 */
export function transferFetch(
  transfer: Transfer,
  authorization: string | undefined,
): (url: string, request: FetchRequest) => Promise<FetchAnswer> {
  return async (url, { method, headers, body, signal }) => {
    const sent = typeof body === 'string' ? jsonBody(body) : body;
    const reply = await transfer.send(url, { method, headers, authorization, body: sent, signal });
    const answer = await repeatableBody(reply, MAX_ANSWER_BYTES);
    return {
      status: reply.status,
      url: reply.url,
      headers: reply.headers,
      text: () => Promise.resolve(answer.toString('utf8')),
      arrayBuffer: () => Promise.resolve(answer),
    };
  };
}

function jsonBody(text: string): RequestBody {
  const bytes = Buffer.from(text);
  return { size: bytes.byteLength, open: () => onePiece(bytes) };
}
