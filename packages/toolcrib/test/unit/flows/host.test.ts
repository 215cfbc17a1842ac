import { homedir } from 'node:os';
import { expect, test } from 'vitest';
import { cacheDirectoryOf, createHost } from '../../../src/flows/host.ts';

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

test.each<[string, Record<string, string>, string]>([
  ['in the cache', {}, '/cache/v1/placements'],
  ['in the cache where TOOLCRIB_LEDGER_DIR is empty', { TOOLCRIB_LEDGER_DIR: '' }, '/cache/v1/placements'],
  ['where TOOLCRIB_LEDGER_DIR says', { TOOLCRIB_LEDGER_DIR: 'ledger' }, '/project/ledger'],
])('the ledger is %s', (_, env, directory) => {
  expect(createHost({ env, cwd: '/project', cacheDirectory: '/cache' }).ledgerDirectory).toBe(directory);
});
