import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePathspec, unsteadyMagic } from '../../../src/git/pathspec.ts';

describe('a pathspec', () => {
  test.each([
    ['src', [], 'src'],
    ['(attr:x)src', [], '(attr:x)src'],
    ['::(attr:x)src', [], '(attr:x)src'],
    [':/!src', ['top', 'exclude'], 'src'],
    [':(exclude,,attr:a=b)src', ['exclude', 'attr:a=b'], 'src'],
  ])('%j is taken apart as git does', (pathspec, words, pattern) => {
    expect(parsePathspec(pathspec)).toEqual({ words, pattern });
  });

  test.each([
    'src',
    ':/src',
    ':!src',
    ':^src',
    ':(top)src',
    ':(exclude,glob)**/*.md',
    ':(literal,icase)a*',
    ':()x',
    ':',
  ])('says by itself which paths it means: %j', (pathspec) => {
    expect(unsteadyMagic(pathspec)).toBeUndefined();
  });

  test.each([
    [':(attr:ships)src', 'attributes'],
    [':(top,attr:-ships)', 'attributes'],
    [':(exclude,attr:is-test)', 'attributes'],
    [':(attr:a=b\\)c,top)src', 'attributes'],
    [':(prefix:3)src', '"prefix:3"'],
    [':(Attr:ships)src', '"Attr:ships"'],
    [':(attr:ships', 'missing'],
  ])('that goes by what a change can say of its own files is found out: %j', (pathspec, why) => {
    expect(unsteadyMagic(pathspec)).toContain(why);
  });

  test('goes by attributes wherever the word stands', () => {
    const word = fc.constantFrom('top', 'exclude', 'glob', 'icase', '');
    fc.assert(
      fc.property(fc.array(word), fc.array(word), fc.string(), (before, after, pattern) => {
        const words = (attribute: string): string => [...before, attribute, ...after].join(',');
        expect(unsteadyMagic(`:(${words('attr:x')})${pattern}`)).toContain('attributes');
        expect(unsteadyMagic(`:(${words('')})${pattern}`)).toBeUndefined();
      }),
    );
  });
});
