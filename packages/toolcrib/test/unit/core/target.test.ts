import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  archFrom,
  formatTarget,
  isSameTarget,
  parseTarget,
  TARGET_NAMES,
  targetFrom,
} from '../../../src/core/target.ts';
import { failureOf } from './failure.ts';
import { target } from './vocabulary.ts';

describe('a target', () => {
  test('is one of six', () => {
    expect(TARGET_NAMES).toEqual(['amd64', 'amd64-musl', 'amd64-any', 'arm64', 'arm64-musl', 'arm64-any']);
  });

  test('reads back as what it was written from', () => {
    fc.assert(
      fc.property(target, (one) => {
        expect(parseTarget(formatTarget(one))).toEqual(one);
      }),
    );
  });

  test('without a C library means glibc', () => {
    expect(parseTarget('arm64')).toEqual({ arch: 'arm64', libc: 'glibc' });
  });

  test('is nothing else than its written forms', () => {
    const almost = fc.stringMatching(/^(amd64|arm64|x86_64)-?(musl|any|glibc|)-?$/);
    fc.assert(
      fc.property(fc.oneof(almost, fc.string()), (text) => {
        expect(targetFrom(text) !== undefined).toBe(TARGET_NAMES.includes(text));
      }),
    );
  });

  test.each(['', 'amd64-', 'amd64-glibc', 'amd64-musl-', 'AMD64', 'x86_64', 'linux/amd64'])(
    '%j is refused, and the hint lists what there is',
    (text) => {
      const error = failureOf(() => parseTarget(text));
      expect(error.code).toBe('TARGET_INVALID');
      expect(error.message).toContain(JSON.stringify(text));
      for (const name of TARGET_NAMES) expect(error.hint).toContain(name);
    },
  );

  test('equals another only in both parts', () => {
    fc.assert(
      fc.property(target, target, (a, b) => {
        expect(isSameTarget(a, b)).toBe(formatTarget(a) === formatTarget(b));
      }),
    );
  });
});

describe('an architecture', () => {
  test.each([
    ['x64', 'amd64'],
    ['x86_64', 'amd64'],
    ['amd64', 'amd64'],
    ['arm64', 'arm64'],
    ['aarch64', 'arm64'],
    ['arm64/v8', 'arm64'],
  ])('%s, as Node, uname or an engine says it, is %s', (name, arch) => {
    expect(archFrom(name)).toBe(arch);
  });

  test.each(['', 'ia32', 'arm', 'riscv64', 's390x', 'AMD64'])('%j is not one of ours', (name) => {
    expect(archFrom(name)).toBeUndefined();
  });
});
