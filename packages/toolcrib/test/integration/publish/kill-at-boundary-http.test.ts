import { describe, expect, test } from 'vitest';
import { startServe } from '../../servers/serve.ts';
import { killAtEachBoundary } from './kill-at-boundary.ts';

describe('a publisher to an HTTP store that is killed with SIGKILL at a boundary of its requests', () => {
  test('leaves nothing that a reader takes for a release, and its repetition completes it', async () => {
    await using server = await startServe();
    const { incomplete, complete } = await killAtEachBoundary({
      server: server.url,
      store: (address) => address,
      env: (address) => ({ TOOLCRIB_HTTP_TOKEN: server.token, TOOLCRIB_HTTP_TOKEN_ORIGIN: address }),
      targets: ['amd64-any', 'arm64-any'],
    });
    expect(incomplete).toBeGreaterThan(15);
    expect(complete).toBeGreaterThan(0);
  });
});
