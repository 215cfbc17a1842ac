import type { S3Client } from '@aws-sdk/client-s3';
import { trustedAuthorities } from '../../transfer/certificate-authorities.ts';
import { paceOf } from '../../transfer/pace.ts';
import { CONNECT_TIMEOUT_MS, STALL_TIMEOUT_MS, type TransferOptions } from '../../transfer/transfer-options.ts';
import { isPathStyle, objectUrl, type S3Reference } from './address.ts';
import { limitAnswers } from './small-answers.ts';

/** Keys for the S3 API. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/**
 * The official client; it finds credentials as every AWS tool does, unless they are given. Repeating is our business
 * (one policy for everything, and a stream can only be repeated by who opened it), so it attempts everything once.
 */
export async function createClient(
  reference: S3Reference,
  options: TransferOptions,
  credentials: S3Credentials | undefined,
): Promise<S3Client> {
  const { S3Client } = await import('./sdk.ts');
  const { endpoint } = reference;
  const region = reference.region ?? (endpoint === undefined ? undefined : 'us-east-1');
  const client = new S3Client({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
    forcePathStyle: isPathStyle(reference),
    maxAttempts: 1,
    logger: SILENT,
    // Trailing checksums need chunked uploads, which not every server takes; ours are known before.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: await connectionSettings(options),
  });
  limitAnswers(client, objectUrl(reference, ''), paceOf(options));
  return client;
}

/** How a request that carries no body is sent: its answer has to begin in time, however steadily its head comes. */
export function withoutBody(
  { connectTimeoutMs = CONNECT_TIMEOUT_MS, stallTimeoutMs = STALL_TIMEOUT_MS }: TransferOptions,
  signal: AbortSignal | undefined,
): { readonly requestTimeout: number; readonly abortSignal?: AbortSignal } {
  return { requestTimeout: connectTimeoutMs + stallTimeoutMs, ...(signal !== undefined && { abortSignal: signal }) };
}

const silence = (): void => undefined;

/** Without one of our own the SDK would write warnings to the console. */
const SILENT = { trace: silence, debug: silence, info: silence, warn: silence, error: silence };

async function connectionSettings(options: TransferOptions): Promise<object> {
  const ca = await trustedAuthorities(options.certificateAuthorities);
  const { http, https, noProxy } = options.proxy ?? {};
  const proxyEnv = { HTTP_PROXY: http, HTTPS_PROXY: https ?? http, NO_PROXY: noProxy };
  const agent = { keepAlive: true, ...((http ?? https) !== undefined && { proxyEnv }) };
  return {
    connectionTimeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    socketTimeout: options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
    // Of a request that is sent with a time in which it has to be answered.
    throwOnRequestTimeout: true,
    httpAgent: agent,
    httpsAgent: { ...agent, ...(ca !== undefined && { ca }) },
  };
}
