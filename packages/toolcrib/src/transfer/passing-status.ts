import type { Clock } from '../core/clock.ts';
import { RemoteError } from '../core/errors.ts';
import type { Reply } from './reply.ts';
import { parseRetryAfter, TransientFailure } from './retry.ts';

/** True for answers that another attempt may change. */
export function mayPass(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** Such an answer as a failure, for `retry`; it waits as long as the server asks. */
export function passingFailure(
  method: string,
  { status, url, headers }: Pick<Reply, 'status' | 'url' | 'headers'>,
  clock: Clock,
): TransientFailure {
  const failure = new RemoteError('UNREACHABLE', `${method} ${url} answered ${status}`, {
    hint: 'try again later',
    details: { status },
  });
  return new TransientFailure(failure, parseRetryAfter(headers.get('retry-after'), clock.now()));
}
