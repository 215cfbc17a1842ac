import { describe, expect, test } from 'vitest';
import { registryAvailable, startRegistry } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { killAtEachBoundary } from './kill-at-boundary.ts';

const available = requireOrSkip(await registryAvailable());

describe('a publisher to an OCI registry that is killed with SIGKILL at a boundary of its requests', available, () => {
  test('leaves nothing that a reader takes for a release, and its repetition completes it', async () => {
    await using registry = await startRegistry();
    const { incomplete, complete } = await killAtEachBoundary({
      server: `http://${registry.host}`,
      store: (address, tool) => `oci://${new URL(address).host}/${tool}`,
      env: () => ({}),
      targets: ['amd64-any'],
      writesOnly: true,
    });
    expect(incomplete).toBeGreaterThan(15);
    expect(complete).toBeGreaterThan(0);
  });
});
