import { expect, test } from 'vitest';
import { changesTo, sealLibrary } from '../../../src/build/sealed-loader.ts';

const DIRECTORIES = '/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0';
const PRELOAD = '/etc/ld.so.preload\0';
const CACHE = '/etc/ld.so.cache\0';
const LOADER = Buffer.from(`head\0${DIRECTORIES}mid\0${DIRECTORIES}${CACHE}${PRELOAD}tail`);

test('a sealed loader has the same length, and none of the places where the sandbox could put code', () => {
  const emptied = DIRECTORIES.replace(/[^\0]+/g, (directory) => '/'.padEnd(directory.length, '\0'));
  const rest = '\0'.repeat(CACHE.length + PRELOAD.length);
  expect(Buffer.from(sealLibrary('ld-linux-x86-64.so.2', 'amd64', LOADER)).toString()).toBe(
    `head\0${emptied}mid\0${emptied}${rest}tail`,
  );
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
