import { describe, expect, test } from 'vitest';
import { noticesBetween } from '../../../src/check/watched-settings.ts';
import { normaliseConfig, parseConfig } from '../../../src/config/read-config.ts';

const FILE = '/r/toolcrib.json';
const BASE = {
  tool: 'demo',
  targets: ['amd64', 'arm64'],
  stores: ['s3://bucket-a', 's3://bucket-b'],
  sources: ['src'],
};
const config = (changes: Readonly<Record<string, unknown>> = {}) =>
  normaliseConfig(parseConfig(JSON.stringify({ ...BASE, ...changes }), FILE), FILE);

describe('what a change says of the gate itself', () => {
  test.each([
    ['sources', { sources: ['src', ':!src/x'] }, 'with :!src/x'],
    ['sources', { sources: [] }, 'without src'],
    ['targets', { targets: ['amd64', 'amd64-any'] }, 'without arm64, with amd64-any'],
    ['stores', { stores: ['s3://bucket-b', 's3://bucket-c'] }, 'without s3://bucket-a, with s3://bucket-c'],
    ['stores', { stores: ['s3://bucket-b', 's3://bucket-a'] }, 'in another order'],
    ['stores', { stores: [] }, 'nothing tells any more whether the release is published'],
    ['rewrite', { rewrite: [{ from: 'https://a.example', to: 'https://b.example' }] }, 'stores may be asked elsewhere'],
    [
      'attestation',
      { attestation: { require: true, publicKeys: ['key.pub'] } },
      'whose signatures count may have changed',
    ],
  ])('is pointed out to who reviews it: %s, %j', (key, changes, words) => {
    const [notice, more] = noticesBetween(config(), config(changes));
    expect(notice).toEqual({ key, message: `"${key}" of toolcrib.json is another than on the base: ${words}` });
    expect(more).toBeUndefined();
  });

  test('is one line for each key, of which not everything is shown', () => {
    const stores = Array.from({ length: 9 }, (_, at) => `s3://num${at}`);
    const notices = noticesBetween(config(), config({ stores, sources: ['.'] }));
    expect(notices.map(({ key }) => key)).toEqual(['sources', 'stores']);
    expect(notices[1]?.message).toMatch(/with s3:\/\/num0 .* s3:\/\/num4 and 4 more$/);
  });

  test('is nothing when it says the same, in another order of targets or with other keys', () => {
    const changes = { targets: ['arm64', 'amd64'], baseBranch: 'x', cache: { maxBytes: 1 } };
    expect(noticesBetween(config(), config(changes))).toEqual([]);
  });
});
