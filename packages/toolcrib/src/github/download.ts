import type { Download } from '../transfer/transfer.ts';
import type { Reply } from '../transfer/reply.ts';
import { answerFailure, limitWaitMs } from './answer-failure.ts';
import { API_HEADERS, type CallerOptions, type GithubAnswer } from './caller.ts';

/** How bytes are asked for. */
export interface DownloadOptions {
  /** The permission that the token needs, as GitHub names them, e.g. `contents: read`; for messages. */
  readonly needs: string;
  /** Media type; default: any. */
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}

/** What of a refusal is read, in bytes. */
const MAX_REFUSAL_BYTES = 64 * 1024;

/**
 * Opens bytes that the API gives out or sends elsewhere for. Octokit would read them to their end first; what it does
 * about limits is done here.
 * @param path below the API's address, with a slash.
 * @returns undefined for 404 and 410.
 * @throws RemoteError; the signal's reason.
 */
export async function openDownload(
  settings: CallerOptions & { readonly token: string | undefined },
  path: string,
  { needs, accept = '*/*', signal }: DownloadOptions,
): Promise<Download | undefined> {
  const { addresses, transfer, authorization, options, patience, token } = settings;
  const headers = { ...API_HEADERS, accept };
  for (let waited = 0; ; waited += 1) {
    const request = { method: 'GET' as const, retry: true, resume: true, headers, authorization, signal };
    const reply = await transfer.send(addresses.api + path, request);
    if (reply.status === 200) return reply;
    if (reply.status === 404 || reply.status === 410) {
      reply.discard();
      return undefined;
    }
    const answer = await answerOf(reply);
    const waitMs = limitWaitMs(answer, options.clock.now());
    if (waitMs === undefined || waitMs > patience.longestLimitWaitMs || waited >= patience.limitWaits) {
      throw answerFailure(answer, { token, needs });
    }
    const text = `${answer.what} has to wait for GitHub's rate limit; again in ${(waitMs / 1000).toFixed(1)} s`;
    options.reporter?.notice({ kind: 'step', text });
    await options.clock.sleep(waitMs, signal);
  }
}

async function answerOf(reply: Reply): Promise<GithubAnswer> {
  return {
    what: `GET ${reply.url}`,
    status: reply.status,
    header: (name) => reply.headers.get(name),
    data: jsonOf(await reply.beginning(MAX_REFUSAL_BYTES)),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
