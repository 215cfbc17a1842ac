import { describe, expect, test } from 'vitest';
import { sourcePathspecs } from '../../../src/check/source-pathspecs.ts';
import { parseStoreReference } from '../../../src/core/reference.ts';

const CONFIG = {
  folder: '/r/p',
  file: '/r/p/toolcrib.json',
  versionFile: '/r/p/version.txt',
  sumsFile: '/r/pins/SHA256SUMS',
  binaries: '/r/p/binaries',
  stores: [],
};
const OUTCOMES = ['toolcrib.json', 'version.txt', '../pins/SHA256SUMS', 'binaries'].map(
  (path) => `:(exclude,literal)${path}`,
);
const inRepository = (path: string): boolean => path.startsWith('/r/');

describe('what ships', () => {
  test('is what the configuration says, without what a build leaves and what tells of one', () => {
    expect(sourcePathspecs({ ...CONFIG, sources: ['src', ':!src/test'] }, inRepository)).toEqual([
      'src',
      ':!src/test',
      ...OUTCOMES,
    ]);
  });

  test.each([[[]], [[':!a']], [[':^a', ':/!b', ':(exclude)c', ':(top,exclude,glob)d']]])(
    'is the folder when %j names nothing to take in',
    (sources) => {
      expect(sourcePathspecs({ ...CONFIG, sources }, inRepository)).toEqual(['.', ...sources, ...OUTCOMES]);
    },
  );

  test.each(['(exclude)x', ':(glob)x', ':/x', './:!x'])('may be %j alone', (source) => {
    expect(sourcePathspecs({ ...CONFIG, sources: [source] }, inRepository)[0]).toBe(source);
  });

  test('is never a store in the repository, and git hears nothing of what is outside', () => {
    const stores = ['file:/r/p/store', 'file:/elsewhere', 's3://bucket'].map(parseStoreReference);
    const binaries = '/elsewhere/binaries';
    expect(sourcePathspecs({ ...CONFIG, sources: ['.'], stores, binaries }, inRepository)).toEqual([
      '.',
      ...OUTCOMES.filter((pathspec) => !pathspec.endsWith('binaries')),
      ':(exclude,literal)store',
    ]);
  });
});
