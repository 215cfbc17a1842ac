import { RemoteError, UsageError } from '../core/errors.ts';
import { malformed } from './strict-json.ts';
import type { Transfer } from '../transfer/transfer.ts';

/** Whom Fulcio takes tokens for. */
const AUDIENCE = 'sigstore';
const MAX_ANSWER_BYTES = 64 * 1024;

/** Hands out an OIDC identity token, a new one each time. It is a secret. */
export type IdentityTokenSource = (signal: AbortSignal | undefined) => Promise<string>;

/**
 * The identity of the job that runs: `SIGSTORE_ID_TOKEN`, else what GitHub Actions issues to a job with the permission
 * `id-token: write`.
 * @param env the environment, handed in.
 * @param transfer asks GitHub's service for the token.
 * @returns a source that throws UsageError `USAGE` when there is no identity; RemoteError `UNREACHABLE`,
 * `REMOTE_REFUSED`, `OFFLINE`; the signal's reason.
 */
export function ambientIdentity(
  env: Readonly<Record<string, string | undefined>>,
  transfer: Pick<Transfer, 'send'>,
): IdentityTokenSource {
  const given = env['SIGSTORE_ID_TOKEN'];
  if (given) return () => Promise.resolve().then(() => verifyToken(given, 'SIGSTORE_ID_TOKEN'));
  const url = env['ACTIONS_ID_TOKEN_REQUEST_URL'];
  const bearer = env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'];
  if (!url || !bearer) return () => Promise.reject(noIdentity());
  return async (signal) => await requestToken(transfer, url, { authorization: `Bearer ${bearer}`, signal });
}

async function requestToken(
  transfer: Pick<Transfer, 'send'>,
  base: string,
  options: { readonly authorization: string; readonly signal: AbortSignal | undefined },
): Promise<string> {
  const url = new URL(base);
  url.searchParams.set('audience', AUDIENCE);
  const headers = { accept: 'application/json' };
  const reply = await transfer.send(url.href, { method: 'GET', retry: true, headers, ...options });
  if (reply.status !== 200) {
    reply.discard();
    throw new RemoteError('REMOTE_REFUSED', `${reply.url} answered ${reply.status} when asked for an identity token`, {
      hint: 'the job needs "permissions: { id-token: write }"',
      details: { status: reply.status },
    });
  }
  return verifyToken(tokenIn(await reply.whole(MAX_ANSWER_BYTES), reply.url), reply.url);
}

/** The answer is never quoted: the token stands in it. */
function tokenIn(answer: Buffer, where: string): string {
  try {
    const json: unknown = JSON.parse(answer.toString('utf8'));
    if (typeof json === 'object' && json !== null && 'value' in json && typeof json.value === 'string')
      return json.value;
  } catch {
    // told below
  }
  throw malformed(where, 'the answer holds no identity token');
}

/** Sigstore's own client would quote a token that it cannot read. */
function verifyToken(token: string, where: string): string {
  const [, claims = '', ...rest] = token.split('.');
  try {
    const json: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'));
    const isToken = /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token) && rest.length === 1;
    if (isToken && typeof json === 'object' && json !== null && 'sub' in json) return token;
  } catch {
    // told below
  }
  throw new UsageError('USAGE', `${where} holds no identity token`, {
    hint: 'expected a JSON web token with a subject',
  });
}

function noIdentity(): UsageError {
  return new UsageError('USAGE', 'there is no identity to sign with', {
    hint: 'give the job of GitHub Actions "permissions: { id-token: write }", set SIGSTORE_ID_TOKEN, or sign with a key',
  });
}
