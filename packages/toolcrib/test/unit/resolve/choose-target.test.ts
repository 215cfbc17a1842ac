import { expect, test } from 'vitest';
import { formatTarget, parseTarget } from '../../../src/core/target.ts';
import { chooseTarget, fittingTargets, judgeTargets } from '../../../src/resolve/choose-target.ts';

const all = ['amd64', 'amd64-musl', 'amd64-any', 'arm64', 'arm64-any'].map(parseTarget);

test.each([
  ['amd64', 'glibc', 'amd64'],
  ['amd64', 'musl', 'amd64-musl'],
  ['amd64', undefined, 'amd64-any'],
  ['arm64', 'glibc', 'arm64'],
  ['arm64', 'musl', 'arm64-any'],
] as const)('for %s with libc %s the target is %s', (arch, libc, expected) => {
  expect(chooseTarget(all, { arch, libc })).toEqual(parseTarget(expected));
});

test('where no target fits, the error names those there are and what to add', () => {
  const targets = ['amd64', 'arm64-any'].map(parseTarget);
  expect(() => chooseTarget(targets, { arch: 'amd64', libc: 'musl' })).toThrow(
    expect.objectContaining({
      name: 'SandboxError',
      code: 'NO_TARGET_FITS',
      message: 'no target fits amd64 with musl; there are amd64, arm64-any',
      hint: expect.stringContaining('amd64-any') as string,
    }),
  );
});

test('every target is judged, in the order in which they are tried, with a reason', () => {
  const judged = judgeTargets(all, { arch: 'amd64', libc: 'glibc' });
  expect(judged.map(({ target, fits, reason }) => [formatTarget(target), fits, reason])).toEqual([
    ['amd64', true, 'it is for glibc'],
    ['amd64-any', true, 'it needs no C library'],
    ['amd64-musl', false, 'it is for musl, and there is glibc'],
    ['arm64', false, 'it is for arm64, not for amd64'],
    ['arm64-any', false, 'it is for arm64, not for amd64'],
  ]);
  expect(fittingTargets(all, { arch: 'amd64', libc: 'glibc' }).map(formatTarget)).toEqual(['amd64', 'amd64-any']);
});
