import { homedir } from 'node:os';
import { expect, test } from 'vitest';
import { cacheDirectoryOf } from '../../../src/flows/host.ts';

test.each<[string, Record<string, string>, string]>([
  ['TOOLCRIB_CACHE_DIR before everything else', { TOOLCRIB_CACHE_DIR: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' }, '/a'],
  ['XDG_CACHE_HOME before HOME', { XDG_CACHE_HOME: '/b', HOME: '/c' }, '/b/toolcrib'],
  [
    'HOME where XDG_CACHE_HOME is relative, which the specification forbids',
    { XDG_CACHE_HOME: 'b', HOME: '/c' },
    '/c/.cache/toolcrib',
  ],
  ['the home of the account where HOME is empty', { HOME: '' }, `${homedir()}/.cache/toolcrib`],
])('the cache is by %s', (_, env, directory) => {
  expect(cacheDirectoryOf(env)).toBe(directory);
});
