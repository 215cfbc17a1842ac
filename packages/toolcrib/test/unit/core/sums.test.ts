import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatArtifactName, parseArtifactName } from '../../../src/core/artifact-name.ts';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { formatSums, parseSums, pinOf, type Sums } from '../../../src/core/sums.ts';
import { failureOf } from './failure.ts';
import { artifactName, digest } from './vocabulary.ts';

const hex = digestHex(digestOf('bytes'));
const line = (name: string) => `${hex}  ${name}\n`;
const released = artifactName.map((name) => formatArtifactName({ ...name, dev: false }));
const sums: fc.Arbitrary<Sums> = fc.array(fc.tuple(released, digest), { maxLength: 8 }).map((pairs) => new Map(pairs));

describe('a sums file', () => {
  test('reads back as the pins it was written from', () => {
    fc.assert(
      fc.property(sums, (pins) => {
        expect(new Map(parseSums(formatSums(pins), 'f'))).toEqual(new Map(pins));
      }),
    );
  });

  test('has the same bytes for the same pins in any order, sorted by name', () => {
    fc.assert(
      fc.property(sums, (pins) => {
        const text = formatSums(pins);
        expect(formatSums(new Map([...pins].reverse()))).toBe(text);
        const names = [...parseSums(text, 'f').keys()];
        expect(names).toEqual([...names].sort());
      }),
    );
  });

  test('is what sha256sum prints: hex, two spaces, name', () => {
    expect(formatSums(new Map([['tool-amd64-v1', digestOf('bytes')]]))).toBe(`${hex}  tool-amd64-v1\n`);
  });

  test('may say the mode with a star, write hex in upper case, and end its lines as on Windows', () => {
    const expected = [['tool-amd64-v1', digestOf('bytes')]];
    expect([...parseSums(`${hex} *tool-amd64-v1\n`, 'f')]).toEqual(expected);
    expect([...parseSums(`${hex.toUpperCase()}  tool-amd64-v1\n`, 'f')]).toEqual(expected);
    expect([...parseSums(`${hex}  tool-amd64-v1\r\n`, 'f')]).toEqual(expected);
    expect([...parseSums(`${hex}  tool-amd64-v1`, 'f')]).toEqual(expected);
  });

  test.each(['', '\n', ' \n'])('that is empty (%j) pins nothing', (text) => {
    expect(parseSums(text, 'f').size).toBe(0);
  });

  test.each([
    ['no hex', 'tool-amd64-v2\n'],
    ['too little hex', `${hex.slice(1)}  tool-amd64-v2\n`],
    ['one space', `${hex} tool-amd64-v2\n`],
    ['three spaces', `${hex}   tool-amd64-v2\n`],
    ['an empty line', '\n'],
    ['a comment', '# pins\n'],
    ['a path', line('./tool-amd64-v2')],
    ['a name that is no artifact', line('README.md')],
    ['a local build', line('tool-amd64-v2-dev')],
    ['a manifest', line('tool-v2.json')],
    ['a name with a space behind it', line('tool-amd64-v2 ')],
  ])('with %s in a line is refused, naming file and line', (_, bad) => {
    const error = failureOf(() =>
      parseSums(`${line('tool-arm64-v2')}${bad}${line('tool-amd64-any-v2')}`, 'a/SHA256SUMS'),
    );
    expect(error.code).toBe('SUMS_INVALID');
    expect(error.message).toMatch(/^a\/SHA256SUMS:2: /);
    expect(error.hint).toContain('publish');
  });

  test('that lists a name twice is refused, even with the same digest', () => {
    const error = failureOf(() => parseSums(line('tool-amd64-v1') + line('tool-amd64-v1'), 'SHA256SUMS'));
    expect(error.code).toBe('SUMS_INVALID');
    expect(error.message).toBe('SHA256SUMS:2: tool-amd64-v1 is listed twice');
  });

  test.each([
    ['of another version', 'tool-arm64-v1'],
    ['of another tool', 'other-arm64-v2'],
    ['of a tool whose name only begins alike', 'tool-x-arm64-v2'],
  ])('with an entry %s is refused when one tool and version is expected', (_, name) => {
    const text = line('tool-amd64-v2') + line(name);
    expect(parseSums(text, 'f').size).toBe(2);
    const error = failureOf(() => parseSums(text, 'SHA256SUMS', { tool: 'tool', version: 2 }));
    expect(error.code).toBe('SUMS_INVALID');
    expect(error.message).toBe(`SHA256SUMS:2: ${name} does not belong to tool version 2`);
  });

  test('is read or refused, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          parseSums(text, 'f');
        } catch {
          expect(failureOf(() => parseSums(text, 'f')).code).toBe('SUMS_INVALID');
        }
      }),
    );
  });
});

describe('the pin of an artifact', () => {
  const pins = parseSums(line('tool-amd64-any-v2'), 'f');

  test('is found by its name', () => {
    expect(pinOf(pins, parseArtifactName('tool-amd64-any-v2'))).toBe(digestOf('bytes'));
  });

  test.each(['tool-amd64-v2', 'tool-arm64-any-v2', 'tool-amd64-any-v1', 'tool-amd64-any-v2-dev'])(
    'is never that of another one: %s has none',
    (name) => {
      expect(pinOf(pins, parseArtifactName(name))).toBeUndefined();
    },
  );
});
