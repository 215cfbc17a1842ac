import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isImageReference } from '../../../src/core/image-reference.ts';

const word = fc.stringMatching(/^[a-z0-9]+(?:[._-][a-z0-9]+)*$/);
const reference = fc
  .tuple(
    fc.array(word, { minLength: 1, maxLength: 4 }),
    fc.option(word),
    fc.option(fc.stringMatching(/^[0-9a-f]{64}$/)),
  )
  .map(([path, tag, hex]) => `${path.join('/')}${tag === null ? '' : `:${tag}`}${hex === null ? '' : `@sha256:${hex}`}`)
  .filter((text) => text.length <= 512);

describe('an image', () => {
  test('is a name with or without a tag and a digest, from any registry', () => {
    fc.assert(fc.property(reference, (text) => isImageReference(text)));
    expect(isImageReference('localhost:5000/a/b:1.0')).toBe(true);
  });

  test.each(['', '-v', '--privileged', '.', '/x', 'a b', 'a\n', 'a\u0000', 'a?tag=1', 'a/', 'ä', 'a'.repeat(513)])(
    'is not %j',
    (text) => expect(isImageReference(text)).toBe(false),
  );
});
