import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hidingRule, leadsElsewhere } from '../../../../src/run/normalise/hidden-path.ts';

describe('the open of a path', () => {
  test.each([
    ['/etc/ld.so.cache', 'loader_cache'],
    ['/etc/localtime', 'local_time'],
    ['/etc/ssl/openssl.cnf', 'openssl_config'],
    ['/usr/pyvenv.cfg', 'python_bootstrap'],
    ['/usr/bin/pyvenv.cfg', 'python_bootstrap'],
    ['/usr/bin/python3._pth', 'python_bootstrap'],
    ['/usr/bin/python3.12._pth', 'python_bootstrap'],
    ['/usr/bin/pybuilddir.txt', 'python_bootstrap'],
    ['/lib/aarch64-linux-gnu/libc.so.6', 'system_library'],
    ['/lib32/a', 'system_library'],
    ['/lib64/a', 'system_library'],
    ['/usr/lib/locale/C.UTF-8/LC_IDENTIFICATION', 'system_library'],
    ['/usr/share/locale/locale.alias', 'locale'],
    ['/srv/node_modules/@openai/agents/package.json', 'node_modules'],
    ['/proc/self/maps', 'proc'],
    ['/sys/fs/cgroup/cgroup.controllers', 'sys'],
    ['/dev/null', 'dev'],
    ['/home/me/.rustup/toolchains/stable/lib/libc.so.6', 'rustup_library'],
    ['/srv/target/debug/build/ring/out/libc.so.6', 'cargo_library'],
    ['/srv/target/release/deps/libx.so', 'cargo_library'],
    ['target/x/node_modules/y', 'node_modules'],
  ])('%s is hidden as %s', (path, rule) => {
    expect(hidingRule(path)).toBe(rule);
  });

  test.each([
    '/etc/ld.so.cache2',
    '/etc/localtime/',
    '/lib',
    '/library/a',
    '/usr/lib64/a',
    '/usr/libexec/a',
    '/usr/local/lib/a',
    'lib/a',
    'proc/self',
    '/opt/proc/self',
    '/usr/bin/python3.11._pth',
    'node_modules/a',
    '/srv/node_modules',
    '/home/me/.rustup/toolchains/stable/bin/rustc',
    '/srv/target/debug/app',
    '/srv/target/libx.so',
    '/srv/debug/libx.so',
    '/dev',
    '',
  ])('%j stays', (path) => {
    expect(hidingRule(path)).toBeUndefined();
  });

  test('is hidden by what the list of the format says, of whatever pieces it is made', () => {
    const piece = fc.constantFrom(
      '/',
      'lib',
      'usr',
      'dev',
      'proc',
      'sys',
      'etc',
      'share',
      'locale',
      'node_modules',
      'target',
      'debug',
      'a.so',
      '.so.1',
      '.rustup',
      'toolchains',
      'localtime',
      '..',
      'x',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), fc.constantFrom('', '/'), (pieces, separator) => {
        const path = pieces.join(separator);
        expect(hidingRule(path) !== undefined).toBe(isListed(path));
      }),
      { numRuns: 2000 },
    );
  });
});

/** The list once more, as one pattern. */
function isListed(path: string): boolean {
  const isShared = /\.so$|\.so\./.test(path);
  return (
    /^\/(?:lib|lib32|lib64|usr\/lib|usr\/share\/locale|proc|sys|dev)\/|\/node_modules\//s.test(path) ||
    path === '/etc/localtime' ||
    (isShared && path.includes('/.rustup/toolchains/')) ||
    (isShared && path.includes('/target/') && /\/(?:build|debug|release)\//.test(path))
  );
}

describe('a hidden path', () => {
  test.each([
    ['/lib/../etc/shadow', undefined, true],
    ['/proc/self/root/etc/shadow', undefined, true],
    ['/proc/1/task/2/cwd/a', undefined, true],
    ['/proc/self/fd/3', undefined, true],
    ['/proc/self/fd', undefined, false],
    ['/proc/self/rooted', undefined, false],
    ['/lib/a', undefined, false],
    ['/lib/../lib/a', '/usr/lib/a', false],
    ['/dev/fd/3', '/home/me/a', true],
    ['/dev/fd/3', 'pipe:[7]', false],
  ])('%s that led to %s leads elsewhere: %s', (given, absolute, elsewhere) => {
    expect(leadsElsewhere(given, absolute)).toBe(elsewhere);
  });
});
