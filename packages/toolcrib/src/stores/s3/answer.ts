import { RemoteError, ToolcribError } from '../../core/errors.ts';
import { MAX_TOLD_BYTES, visibleWords } from '../../core/visible-words.ts';
import { networkFailure } from '../../transfer/network-failure.ts';
import { TransientFailure } from '../../transfer/retry.ts';

/** A negative answer of an S3 server. */
export interface S3Answer {
  readonly status: number;
  /** E.g. `PreconditionFailed`. */
  readonly code: string;
}

/** Undefined when the error is not an answer: no connection, no credentials, a bug. */
export function answerOf(error: unknown): S3Answer | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  const status = metadata.httpStatusCode;
  // A server may call it whatever it likes.
  const code = /^[A-Za-z0-9.]{1,64}$/.test(error.name) ? error.name : 'Unknown';
  return typeof status === 'number' ? { status, code } : undefined;
}

/** Codes that other attempts may change, whatever their status (Amazon S3 API Reference, "Error responses"). */
const PASSING = new Set([
  'ConditionalRequestConflict',
  'OperationAborted',
  'RequestTimeout',
  'SlowDown',
  'InternalError',
  'ServiceUnavailable',
  'Throttling',
]);

const HINTS: Readonly<Record<string, string>> = {
  AccessControlListNotSupported:
    'this bucket takes no ACLs, as new ones do not: drop ?acl= and make it readable by a bucket policy',
  NoSuchBucket: 'create the bucket, or correct the name of the store',
  PermanentRedirect: 'the bucket is in another region: add ?region= to the store',
  AuthorizationHeaderMalformed: 'the bucket is in another region: add ?region= to the store',
  InvalidAccessKeyId: 'the server does not know these credentials',
  SignatureDoesNotMatch: 'the secret access key is wrong, or the clock of this machine is',
  RequestTimeTooSkewed: 'set the clock of this machine',
  ExpiredToken: 'the credentials have expired: log in again',
  AccessDenied:
    'these credentials have no right to it: publishing needs s3:PutObject, s3:GetObject, s3:ListBucket, ' +
    'and with ?acl= s3:PutObjectAcl',
};

/** Errors of the SDK's credential chain and configuration, by name. */
const NO_CREDENTIALS = new Set(['CredentialsProviderError', 'TokenProviderError', 'ProviderError']);

/**
 * What a failed call to S3 becomes: a {@link TransientFailure} where another attempt may help, else RemoteError
 * `REMOTE_REFUSED` or `UNREACHABLE`. An error that is none of these is handed back as it is.
 * @param what was being done, for messages.
 * @param secrets that were sent.
 */
export function s3Failure(error: unknown, what: string, secrets: readonly string[]): unknown {
  if (!(error instanceof Error) || error instanceof ToolcribError) return error;
  if (isNoCredentials(error)) return noCredentials(error, what);
  const answer = answerOf(error);
  if (answer !== undefined) return answered(answer, error.message, { what, secrets });
  return networkFailure(error, what);
}

interface Call {
  readonly what: string;
  readonly secrets: readonly string[];
}

/** Without its cause: in that, the server's words are as it wrote them. */
function answered(answer: S3Answer, told: string, { what, secrets }: Call): Error {
  const { status } = answer;
  const code = visibleWords(answer.code, { secrets });
  const words = wordsOf(told, code, secrets);
  const message = `${what} answered ${status} ${code}${words === '' ? '' : `: ${words}`}`;
  const details = { status, code };
  if (status >= 500 || status === 429 || status === 408 || PASSING.has(code))
    return transient(message, undefined, details);
  const hint = HINTS[code] ?? 'look at the bucket, its policy and the credentials';
  return new RemoteError('REMOTE_REFUSED', message, { hint, details });
}

/** What looks like a token or a key, percent-encoded or not: a proxy may say others than it was sent. */
const TOKENS = /(?:[A-Za-z0-9+/=_-]|%[0-9A-Fa-f]{2}){40,}/g;

/** What the server says of it. */
function wordsOf(told: string, code: string, secrets: readonly string[]): string {
  const words = visibleWords(told.slice(0, MAX_TOLD_BYTES), { secrets, isCut: told.length > MAX_TOLD_BYTES });
  return ['', code, 'UnknownError', 'Unknown'].includes(words) ? '' : words.replaceAll(TOKENS, '***');
}

function transient(
  message: string,
  cause: Error | undefined,
  details: Record<string, string | number>,
): TransientFailure {
  return new TransientFailure(new RemoteError('UNREACHABLE', message, { hint: 'try again later', details, cause }));
}

/** True when the chain found no credentials that could be tried. */
export function isNoCredentials(error: unknown): boolean {
  return error instanceof Error && (NO_CREDENTIALS.has(error.name) || isNoRegion(error));
}

function isNoRegion(error: Error): boolean {
  return error.message.startsWith('Region is missing');
}

function noCredentials(error: Error, what: string): RemoteError {
  const hint = isNoRegion(error)
    ? 'add ?region= to the store, or set AWS_REGION'
    : 'give credentials as for every AWS tool: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role';
  return new RemoteError('REMOTE_REFUSED', `${what} failed: ${isNoRegion(error) ? 'no region' : 'no credentials'}`, {
    hint,
    cause: error,
  });
}
