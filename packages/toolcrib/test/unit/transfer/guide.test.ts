import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MAX_ARTIFACT_BYTES } from '../../../src/resolve/store-tier.ts';
import { PACE_BYTES, PACE_WINDOW_MS, WHOLE_TIMEOUT_MS } from '../../../src/transfer/pace.ts';
import { RETRY_POLICY } from '../../../src/transfer/retry.ts';
import { CONNECT_TIMEOUT_MS, PARALLEL_REQUESTS, STALL_TIMEOUT_MS } from '../../../src/transfer/transfer-options.ts';

const guide = readFileSync(new URL('../../../../../docs/guides/transfers.md', import.meta.url), 'utf8');

describe('docs/guides/transfers.md', () => {
  test.each([
    ['a connection', CONNECT_TIMEOUT_MS],
    ['the head of an answer', STALL_TIMEOUT_MS],
    [`${PACE_BYTES / 1024} KiB of a body`, PACE_WINDOW_MS],
    ['the whole of a listing', WHOLE_TIMEOUT_MS],
    [`another attempt: ${RETRY_POLICY.firstWaitMs / 1000} s`, RETRY_POLICY.longestWaitMs],
  ])('tells how long is waited for %s', (what, ms) => {
    const line = guide.split('\n').find((each) => each.startsWith(`| ${what}`));
    expect(line).toMatch(new RegExp(`\\| ${ms / 1000} s +\\|$`));
  });

  test('tells how often and how much', () => {
    expect([RETRY_POLICY.attempts, PARALLEL_REQUESTS, MAX_ARTIFACT_BYTES]).toEqual([4, 8, 2 * 1024 ** 3]);
    for (const words of ['four times in all', 'eight things at once', '2 GiB for an artifact']) {
      expect(guide).toContain(words);
    }
  });
});
