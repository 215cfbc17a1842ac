import type { S3Client } from '@aws-sdk/client-s3';
import { UsageError } from '../../core/errors.ts';
import { isLoopback } from '../../core/loopback.ts';
import { displayUrl } from '../../transfer/display-url.ts';
import { refuseOffline } from '../../transfer/transfer.ts';
import { retry } from '../../transfer/retry.ts';
import type { TransferOptions } from '../../transfer/transfer-options.ts';
import { objectUrl, type S3Reference } from './address.ts';
import { answerOf, s3Failure } from './answer.ts';
import { createClient, type S3Credentials } from './client.ts';

/** What the operations on a bucket share: a client that is made when the first one needs it. */
export interface S3Session {
  readonly reference: S3Reference;
  readonly options: TransferOptions;
  /**
   * Does something once.
   * @param what for messages, e.g. `PUT https://…`.
   * @throws UsageError `USAGE` where credentials would go in the clear; RemoteError `OFFLINE`; TransientFailure or
   * RemoteError as `s3Failure` says; the signal's reason.
   */
  attempt<T>(what: string, signal: AbortSignal | undefined, call: (client: S3Client) => Promise<T>): Promise<T>;
  /** Does something until it is done: {@link S3Session.attempt} with retries. */
  repeat<T>(what: string, signal: AbortSignal | undefined, call: (client: S3Client) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export function openSession(
  reference: S3Reference,
  options: TransferOptions,
  credentials: S3Credentials | undefined,
): S3Session {
  let client: Promise<S3Client> | undefined;
  const session: S3Session = {
    reference,
    options,
    async attempt(what, signal, call) {
      refuseOffline(options, objectUrl(reference, ''));
      signal?.throwIfAborted();
      refuseInTheClear(reference);
      client ??= createClient(reference, options, credentials);
      const made = await client;
      try {
        return await call(made);
      } catch (error) {
        signal?.throwIfAborted();
        throw s3Failure(error, what, answerOf(error) === undefined ? [] : await secretsOf(made));
      }
    },
    repeat: (what, signal, call) => retry(() => session.attempt(what, signal, call), { ...options, signal }),
    async close() {
      (await client)?.destroy();
    },
  };
  return session;
}

/** A configuration may name any endpoint, and a session token that goes there in the clear is everybody's on the way. */
function refuseInTheClear({ endpoint, url }: S3Reference): void {
  if (endpoint?.startsWith('http:') !== true || isLoopback(new URL(endpoint).hostname)) return;
  throw new UsageError('USAGE', `${displayUrl(endpoint)} has no TLS: no credentials are sent there`, {
    hint: 'put a server that speaks TLS before it, or use ?endpoint=http://127.0.0.1:PORT; public files can be read',
    details: { store: url },
  });
}

/** What an answered call has shown. */
async function secretsOf({ config }: S3Client): Promise<readonly string[]> {
  const found = await config.credentials().catch(() => undefined);
  return [found?.secretAccessKey, found?.sessionToken].filter((secret) => secret !== undefined);
}
