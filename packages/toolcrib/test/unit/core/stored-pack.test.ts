import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPackListing, isStoredPackId, storedPackName, storedPackOf } from '../../../src/core/stored-pack.ts';
import { digestOf } from '../../../src/core/digest.ts';

const part = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,10}$/);
const id = fc.record({
  name: fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
  version: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,20}$/),
});

describe('the file of a pack', () => {
  test('is called so that its name and version are known from it, and no other’s', () => {
    fc.assert(
      fc.property(id, id, (one, other) => {
        expect(isStoredPackId(one)).toBe(true);
        expect(storedPackOf(storedPackName(one))).toEqual(one);
        const isSame = one.name === other.name && one.version === other.version;
        expect(storedPackName(one) === storedPackName(other)).toBe(isSame);
      }),
    );
    expect(storedPackName({ name: 'acme/http', version: '1.2.0' })).toBe('acme~http@1.2.0.gtxpack');
  });

  test('is nothing else than a plain name in one directory', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const known = storedPackOf(text);
        if (known !== undefined) expect(storedPackName(known)).toBe(text);
        const named = { name: text, version: '1' };
        if (isStoredPackId(named)) expect(storedPackName(named)).toMatch(/^[A-Za-z0-9][A-Za-z0-9._~-]*@1\.gtxpack$/);
      }),
    );
    for (const name of ['', '.', '..', 'a/../b', '/a', 'a//b', 'a/', 'a~b', 'a@b', 'a b', '.a', 'ä', 'a'.repeat(200)]) {
      expect([name, isStoredPackId({ name, version: '1' })]).toEqual([name, false]);
    }
    for (const version of ['', '.', '../1', '1/2', '1@2', '1~2', ' 1']) {
      expect([version, isStoredPackId({ name: 'a', version })]).toEqual([version, false]);
    }
  });
});

test('a list of packs is the same text for the same packs', () => {
  const packs = ['b', 'a/c', 'a'].map((name) => ({ name, version: '1', size: 3, digest: digestOf(name) }));
  expect(formatPackListing(packs)).toBe(formatPackListing(packs.toReversed()));
  expect(formatPackListing([])).toBe('{"schema":"toolcrib.extensions.v1","extensions":[]}\n');
});
