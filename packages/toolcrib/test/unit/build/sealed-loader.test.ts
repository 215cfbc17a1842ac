import { expect, test } from 'vitest';
import { changesTo, sealLibrary } from '../../../src/build/sealed-loader.ts';

const DIRECTORIES = '/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0';
const PRELOAD = '/etc/ld.so.preload\0';
const CACHE = '/etc/ld.so.cache\0';
const LOADER = Buffer.from(`head\0${DIRECTORIES}mid\0${DIRECTORIES}${CACHE}${PRELOAD}tail`);

test('a sealed loader has the same length, and none of the places where the sandbox could put code', () => {
  const sealed = Buffer.from(sealLibrary('ld-linux-x86-64.so.2', 'amd64', LOADER));
  expect(sealed).toHaveLength(LOADER.length);
  expect(sealed.toString().replaceAll('\0', '')).toBe('head////mid////tail');
  const first = sealed.indexOf('/');
  expect(
    DIRECTORIES.split('\0').map(
      (_, index, all) => sealed[first + all.slice(0, index).join('\0').length + (index > 0 ? 1 : 0)],
    ),
  ).toEqual([0x2f, 0x2f, 0x2f, 0x2f, 0x6d]);
});

test.each([
  ['does not have', LOADER.subarray(0, -PRELOAD.length - 4)],
  ['has twice', Buffer.concat([LOADER, Buffer.from(PRELOAD)])],
])('a loader that %s a string that is to be replaced is refused', (_, bytes) => {
  expect(() => sealLibrary('ld-linux-x86-64.so.2', 'amd64', bytes)).toThrow(/ld\.so\.preload" [02] times, expected 1/);
});

test('other libraries stay as they are', () => {
  expect(sealLibrary('libm.so.6', 'amd64', LOADER)).toEqual(LOADER);
  expect(changesTo('libm.so.6', 'amd64')).toEqual([]);
});

test('every change is stated', () => {
  expect(changesTo('ld-linux-aarch64.so.1', 'arm64')).toHaveLength(3);
  expect(changesTo('libc.so.6', 'arm64').join('\n')).toMatch(/gconv.*\n.*gconv-modules\.cache/);
});
