import { digestHex } from '../../core/digest.ts';
import { RemoteError, UsageError } from '../../core/errors.ts';
import { MAX_TOLD_BYTES, visibleWords } from '../../core/visible-words.ts';
import { mayPass, passingFailure } from '../../transfer/passing-status.ts';
import type { Reply } from '../../transfer/reply.ts';
import { retry, TransientFailure } from '../../transfer/retry.ts';
import type { TransferOptions } from '../../transfer/transfer-options.ts';
import type { Transfer } from '../../transfer/transfer.ts';
import type { ByteSource } from '../store.ts';

type Outcome = 'created' | 'exists';

/** What a creation needs besides what is created. */
export interface CreateContext {
  readonly transfer: Transfer;
  readonly options: TransferOptions;
  /** Undefined: the server is asked without one, and will say that it wants one. */
  readonly token: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Creates a file by a `PUT` that is conditional on there being none. The digest goes along, so that a server which checks
 * it refuses bytes that changed on the way.
 * @throws RemoteError, UsageError `USAGE` for a token that is none.
 */
export async function createFile(url: string, source: ByteSource, context: CreateContext): Promise<Outcome> {
  verifyToken(context.token);
  return await retry(() => putOrLook(url, source, context), { ...context.options, signal: context.signal });
}

/** It stands in a header; its value is nobody's to see. */
function verifyToken(token: string | undefined): void {
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return;
  throw new UsageError('USAGE', 'TOOLCRIB_HTTP_TOKEN is not one line without blanks', {
    hint: 'it holds what stands in the token file of the server',
  });
}

/** After a failure that leaves open what became of the file, looks: the answer may be all that was lost. */
async function putOrLook(url: string, source: ByteSource, context: CreateContext): Promise<Outcome> {
  try {
    return await put(url, source, context);
  } catch (error) {
    if (error instanceof TransientFailure && (await isThere(url, context))) return 'exists';
    throw error;
  }
}

async function put(url: string, source: ByteSource, context: CreateContext): Promise<Outcome> {
  const { transfer, token, signal, options } = context;
  const hex = digestHex(source.digest);
  const reply = await transfer.send(url, {
    method: 'PUT',
    headers: {
      'if-none-match': '*',
      'content-type': 'application/octet-stream',
      'repr-digest': `sha-256=:${Buffer.from(hex, 'hex').toString('base64')}:`,
      'x-artifact-sha256': hex,
    },
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    body: source,
    signal,
  });
  if (reply.status !== 201 && reply.status !== 412) {
    const words = await wordsOf(reply, token);
    throw mayPass(reply.status) ? passingFailure('PUT', reply, options.clock) : refusal(reply, words, token);
  }
  reply.discard();
  return reply.status === 201 ? 'created' : 'exists';
}

/** What the server says of it. */
async function wordsOf(reply: Reply, token: string | undefined): Promise<string> {
  const words = await reply.beginning(MAX_TOLD_BYTES);
  const isCut = Buffer.byteLength(words) >= MAX_TOLD_BYTES;
  return visibleWords(words, { secrets: token === undefined ? [] : [token], isCut });
}

function refusal({ status, url }: Reply, words: string, token: string | undefined): RemoteError {
  const said = words === '' ? '' : `: ${words}`;
  return new RemoteError('REMOTE_REFUSED', `PUT ${url} answered ${status}${said}`, {
    hint: hintOf(status, url, token),
    details: { status },
  });
}

function hintOf(status: number, url: string, token: string | undefined): string {
  if (status === 401 || status === 403) {
    return token === undefined
      ? `publishing needs the token of the server: set TOOLCRIB_HTTP_TOKEN, and TOOLCRIB_HTTP_TOKEN_ORIGIN=${new URL(url).origin}`
      : 'the server does not take this TOOLCRIB_HTTP_TOKEN, or takes none at all';
  }
  if (status === 413) return 'the file is larger than the server takes: --max-file-bytes, and the limit of its proxy';
  return status === 200 || status === 204
    ? 'this server may have replaced a file: it is no store of toolcrib, which keeps what it has'
    : 'publish to "toolcrib serve", or to a server that understands If-None-Match: *';
}

/** False also when nobody can say: then the next attempt will tell. */
async function isThere(url: string, { transfer, signal }: CreateContext): Promise<boolean> {
  try {
    const reply = await transfer.send(url, { method: 'HEAD', signal });
    reply.discard();
    return reply.status === 200;
  } catch (error) {
    if (error instanceof RemoteError || error instanceof TransientFailure) return false;
    throw error;
  }
}
