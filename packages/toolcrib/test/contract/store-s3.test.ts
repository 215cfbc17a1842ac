import { describe } from 'vitest';
import { requireOrSkip } from '../servers/require.ts';
import { freshBucket, s3Available, s3Server } from '../servers/s3.ts';
import { describeStore, type StoreUnderTest } from './store-contract.ts';
import { openTestStore } from './store-s3-client.ts';

async function underTest(publicRead: boolean, prefix: string): Promise<StoreUnderTest> {
  const bucket = await freshBucket({ publicRead });
  return {
    open: (options) => openTestStore(bucket.name, prefix, options),
    ...(publicRead && { origin: s3Server.endpoint }),
    openHandles: () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length,
    [Symbol.asyncDispose]: () => bucket[Symbol.asyncDispose](),
  };
}

describe('on Ceph RGW', requireOrSkip(await s3Available()), () => {
  describeStore('public S3', () => underTest(true, ''));
  describeStore('private S3 (below a prefix)', () => underTest(false, 'some/where'));
});
