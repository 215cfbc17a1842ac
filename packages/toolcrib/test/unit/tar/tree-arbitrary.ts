import fc from 'fast-check';
import type { TarEntry } from '../../../src/tar/write.ts';

const name = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }),
    fc.string({ minLength: 90, maxLength: 200, unit: 'grapheme-ascii' }),
    fc.constantFrom('a', 'b', 'bin', 'lib', '\\', '...', 'ü', '\u{10000}', '\uffff', ' ', '\n', '=', '12 path=x'),
  )
  .map((text) => text.replaceAll('/', '_').replaceAll('\0', '_'))
  .filter((text) => text !== '.' && text !== '..' && text.isWellFormed());

const path = fc.array(name, { minLength: 1, maxLength: 6 }).map((components) => components.join('/'));

const entry: fc.Arbitrary<TarEntry> = fc.oneof(
  fc.record({
    path,
    kind: fc.constant('file' as const),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    bytes: fc.uint8Array({ maxLength: 1200 }),
  }),
  fc.record({ path, kind: fc.constant('directory' as const), mode: fc.integer({ min: 0, max: 0o7777 }) }),
  fc.record({
    path,
    kind: fc.constant('link' as const),
    mode: fc.constant(0o777),
    linkTarget: fc.oneof(path, fc.constantFrom('/etc/passwd', '../..', 'x'.repeat(300))),
  }),
);

/** Entries of which no two contradict each other. */
export const tree: fc.Arbitrary<readonly TarEntry[]> = fc.array(entry, { maxLength: 12 }).map((entries) => {
  const taken = new Map<string, TarEntry['kind']>();
  return entries.filter(({ path: full, kind }) => {
    const parents = full
      .split('/')
      .map((_, i, all) => all.slice(0, i).join('/'))
      .slice(1);
    if (taken.has(full) || parents.some((parent) => ![undefined, 'directory'].includes(taken.get(parent))))
      return false;
    parents.forEach((parent) => taken.set(parent, 'directory'));
    taken.set(full, kind);
    return true;
  });
});
