import { RemoteError } from '../core/errors.ts';
import type { Reply } from './reply.ts';
import { TransientFailure } from './retry.ts';

/**
 * The whole body of an answer, for an attempt of `retry`: one that breaks off is asked for again like one that never came.
 * @throws TransientFailure when the connection breaks; IntegrityError `TOO_LARGE`; the signal's reason.
 */
export async function repeatableBody(reply: Reply, maxBytes: number): Promise<Buffer> {
  try {
    return await reply.whole(maxBytes);
  } catch (error) {
    throw error instanceof RemoteError ? new TransientFailure(error) : error;
  }
}
