import type { S3Client } from '@aws-sdk/client-s3';
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
   * @throws RemoteError `OFFLINE`; TransientFailure or RemoteError as `s3Failure` says; the signal's reason.
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

/** What an answered call has shown. */
async function secretsOf({ config }: S3Client): Promise<readonly string[]> {
  const found = await config.credentials().catch(() => undefined);
  return [found?.secretAccessKey, found?.sessionToken].filter((secret) => secret !== undefined);
}
