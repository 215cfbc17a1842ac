import { expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { shortDigest } from '../../../src/report/size.ts';
import {
  describeCache,
  describeCollection,
  describeFindings,
  type CacheFacts,
} from '../../../src/report/cache-text.ts';

const digest = digestOf('an artifact');
const shown = shortDigest(digest);
const used = Date.UTC(2026, 10, 21, 12, 30);
const fact = (kind: string, size: number, more: object = {}) => ({
  ...{ kind, digest, path: `/cache/${kind}`, size, lastUsedAt: used, leased: false },
  ...more,
});
const empty: CacheFacts = {
  directory: '/cache',
  artifacts: [],
  unpacked: [],
  attestations: [],
  placements: [],
  packs: [],
  pointers: [],
  trees: [],
};

test('cache ls lists what is there, what was used last first, and what is in use', () => {
  const placement = {
    ...fact('placement', 400),
    sandbox: '0123456789abcdef',
    directory: '/opt/toolcrib/x',
    isPlaced: true,
    isMount: false,
  };
  const text = describeCache({
    ...empty,
    artifacts: [fact('artifact', 1_500_000, { lastUsedAt: used - 3_600_000 })],
    unpacked: [fact('unpacked', 4_000_000, { leased: true, lastUsedAt: used + 60_000 })],
    trees: [fact('tree', 4_100_000, { leased: true, lastUsedAt: used + 120_000 })],
    placements: [
      placement,
      { ...placement, digest: null, sandbox: null, directory: null },
      { ...placement, isPlaced: false },
      { ...placement, isPlaced: false, isMount: true },
    ],
  });
  expect(text.split('\n').map((line) => line.trimEnd().split(/ {2,}/))).toEqual([
    ['KIND', 'DIGEST', 'SIZE', 'LAST USED'],
    ['tree', shown, '4.1 MB', '2026-11-21 12:32 UTC', 'in use'],
    ['unpacked', shown, '4.0 MB', '2026-11-21 12:31 UTC', 'in use'],
    ['placement', shown, '400 B', '2026-11-21 12:30 UTC', '/opt/toolcrib/x in 0123456789ab'],
    ['placement', '400 B', '2026-11-21 12:30 UTC', 'cannot be read'],
    [
      ...['placement', shown, '400 B', '2026-11-21 12:30 UTC'],
      '/opt/toolcrib/x in 0123456789ab, which is no placement',
    ],
    ['artifact', shown, '1.5 MB', '2026-11-21 11:30 UTC'],
    ['1 artifact, 1 unpacked form, 1 tree, attestations of 0 artifacts, 2 placements: 9.6 MB in /cache'],
    [''],
  ]);
  expect(describeCache(empty)).toBe('nothing in /cache\n');
});

test('on a terminal cache ls tells every directory in full, and no line is wider', () => {
  const directory = '/var/lib/toolcrib/tools-v3-aaaaaaaaaaaa-0123456789abcdef';
  const where = { sandbox: '0123456789abcdef', directory, isPlaced: true, isMount: false };
  const placement = { ...fact('placement', 400), ...where };
  const text = describeCache({ ...empty, placements: [placement] }, { width: 80 });
  expect(text).toContain(`2026-11-21 12:30 UTC\n  ${directory} in 0123456789ab\n`);
  expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80);
});

test('cache verify tells each finding, and what became of it', () => {
  const finding = { path: '/cache/x', kind: 'corrupt', reason: 'it has other bytes' };
  const text = (outcome: string | null) =>
    describeFindings({ directory: '/cache', findings: [{ ...finding, outcome }] });
  expect(text(null)).toBe('corrupt: /cache/x: it has other bytes\n');
  expect(text('removed')).toBe('corrupt: /cache/x: it has other bytes; it was removed\n');
  expect(text('rebuilt')).toContain('; it was made again from the verified artifact\n');
  expect(describeFindings({ directory: '/cache', findings: [] })).toContain('everything in /cache is what');
});

test('cache gc tells what went and why, what stays, and how much is above the limit', () => {
  const collection = {
    ...{ directory: '/cache', dryRun: false, limits: { maxBytes: 1000, maxAgeDays: null }, bytesAfter: 3000 },
    removed: [
      { ...fact('artifact', 5000), reason: 'size' },
      { ...fact('pointer', 300), reason: 'gone' },
    ],
    ...{ leftovers: ['/cache/v1/leases/x'], mounts: ['/cache/v1/mounts/t-v1'], mountsBytes: 113_000_000 },
  };
  const text = describeCollection(collection);
  expect(text).toMatch(
    /^REMOVED {3}DIGEST .*\nartifact {2}sha256:[0-9a-f]{12} .* for longest\npointer .* since its pack went\n/,
  );
  expect(text.split('\n')[1]?.length).toBeLessThanOrEqual(80);
  expect(text).toContain('113.0 MB removed, and 1 file that killed processes left; 3.0 kB stay in /cache\n');
  expect(text).toContain('the tree /cache/v1/mounts/t-v1 removed: sandboxes that have it mounted lose the tool\n');
  expect(text).toContain('that is 2.0 kB above the limit: all of it is in use, or was used within the last hour\n');
  const rehearsal = describeCollection({
    ...collection,
    dryRun: true,
    removed: [],
    leftovers: [],
    mounts: [],
    mountsBytes: 0,
    bytesAfter: 10,
  });
  expect(rehearsal).toBe('0 B would be removed; 10 B would stay in /cache\n');
  const unlimited = { ...collection, limits: { maxBytes: null, maxAgeDays: null } };
  expect(describeCollection(unlimited)).toContain('no limit was given');
});
