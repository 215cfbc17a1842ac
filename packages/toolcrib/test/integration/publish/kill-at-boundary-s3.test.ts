import { afterEach, describe, expect, test, vi } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Server } from '../../servers/s3.ts';
import { killAtEachBoundary } from './kill-at-boundary.ts';

const s3 = requireOrSkip(await s3Available());
const keys = { AWS_ACCESS_KEY_ID: s3Server.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Server.secretAccessKey };

afterEach(() => vi.unstubAllEnvs());

describe('a publisher to S3 that is killed with SIGKILL at a boundary of its requests', s3, () => {
  test('leaves nothing that a reader takes for a release, and its repetition completes it', async () => {
    // In this process the SDK's own chain reads them.
    for (const [name, value] of Object.entries(keys)) vi.stubEnv(name, value);
    await using bucket = await freshBucket({ publicRead: true });
    const { incomplete, complete } = await killAtEachBoundary({
      server: s3Server.endpoint,
      store: (address) => `s3://${bucket.name}?region=us-east-1&endpoint=${address}&pathStyle=true`,
      env: () => keys,
      targets: ['amd64-any', 'arm64-any'],
    });
    expect(incomplete).toBeGreaterThan(15);
    expect(complete).toBeGreaterThan(0);
  });
});
