import { expect, test } from 'vitest';
import { mountFinding } from '../../../src/doctor/mount-finding.ts';

test('that running containers get mounts is told as seen from this machine', () => {
  expect(mountFinding('/cache', { isLinuxRoot: true, refusal: undefined })).toMatchObject({
    state: 'ok',
    remedy: null,
  });
});

test('that root gets copies is a warning with its reason and what to do', () => {
  const refusal = '/cache/v1/trees of this host is on a file system that is mounted noexec';
  const found = mountFinding('/cache', { isLinuxRoot: true, refusal });
  expect(found).toMatchObject({ state: 'warning', facts: { directory: '/cache', refusal } });
  expect(found.text).toContain(refusal);
  expect(found.remedy).toContain('TOOLCRIB_CACHE_DIR');
});

test('that somebody else than root gets copies is no warning, whatever the cache is like', () => {
  for (const refusal of [undefined, 'others than root can write /cache of this host']) {
    expect(mountFinding('/cache', { isLinuxRoot: false, refusal })).toMatchObject({ state: 'note', remedy: null });
  }
});
