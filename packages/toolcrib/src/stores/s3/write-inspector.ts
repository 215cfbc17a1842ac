import type { TransferOptions } from '../../transfer/transfer-options.ts';
import { writeProbeName, type WriteInspector, type WriteOutlook } from '../write-probe.ts';
import { objectKey, objectUrl, type S3Reference } from './address.ts';
import { probeWrites } from './probe-writes.ts';
import { openSession, type S3Session } from './session.ts';

/** Whether a bucket can be published to. Credentials are found as every AWS tool finds them. */
export function inspectBucketWrites(reference: S3Reference, options: TransferOptions): WriteInspector {
  const session = openSession(reference, options, undefined);
  return {
    look: (signal) => lookAt(session, signal),
    probe: ({ suffix, signal }) => probeWrites(session, objectKey(reference, writeProbeName(suffix)), signal),
    close: () => session.close(),
  };
}

/** A bucket that keeps versions is what some servers make no exception for: Ceph RGW 16 overwrites there. */
async function lookAt(session: S3Session, signal: AbortSignal | undefined): Promise<WriteOutlook> {
  const { GetBucketVersioningCommand } = await import('./sdk.ts');
  const { bucket } = session.reference;
  const answer = await session.repeat(`GET ${objectUrl(session.reference, '')}?versioning`, signal, (client) =>
    client.send(new GetBucketVersioningCommand({ Bucket: bucket }), abortOf(signal)),
  );
  const isVersioned = answer.Status === 'Enabled';
  const text = isVersioned ? 'the bucket keeps versions' : 'the bucket keeps no versions';
  return { isThere: true, writable: null, mayOverwrite: isVersioned, text };
}

function abortOf(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
