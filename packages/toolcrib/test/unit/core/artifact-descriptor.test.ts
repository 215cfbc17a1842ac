import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatArtifactDescriptor, parseArtifactDescriptor } from '../../../src/core/artifact-descriptor.ts';
import type { ArtifactDescriptor } from '../../../src/core/artifact-descriptor.ts';
import { IntegrityError } from '../../../src/core/errors.ts';
import { formatTarget } from '../../../src/core/target.ts';
import { failureOf } from './failure.ts';
import { target, toolName, version } from './vocabulary.ts';

const descriptor: fc.Arbitrary<ArtifactDescriptor> = fc.record({
  schema: fc.constant('toolcrib.artifact.v1' as const),
  tool: toolName,
  version,
  target: target.map(formatTarget),
  entrypoint: fc.array(fc.string(), { minLength: 1, maxLength: 5 }),
  healthcheck: fc.array(fc.string(), { maxLength: 3 }),
  glibcFloor: fc.option(fc.constantFrom('2.17', '2.36'), { nil: null }),
});

const valid = {
  schema: 'toolcrib.artifact.v1',
  tool: 'sandbox-tools',
  version: 2,
  target: 'amd64-any',
  entrypoint: ['lib/ld-linux-x86-64.so.2', '--inhibit-cache', '--library-path', 'lib', 'bin/sandbox-tools'],
  healthcheck: ['healthcheck'],
  glibcFloor: null,
};

describe('an artifact descriptor', () => {
  test('reads back as what it was written from, with the same bytes', () => {
    fc.assert(
      fc.property(descriptor, (one) => {
        const text = formatArtifactDescriptor(one);
        const read = parseArtifactDescriptor(text, 'f');
        expect(read).toEqual(one);
        expect(formatArtifactDescriptor(read)).toBe(text);
      }),
    );
  });

  test('is written with the keys of the format in their order, whatever order they came in', () => {
    const text = formatArtifactDescriptor(parseArtifactDescriptor(JSON.stringify(valid), 'f'));
    const reversed = Object.fromEntries(Object.entries(valid).reverse());
    expect(text).toBe(`${JSON.stringify(valid, null, 2)}\n`);
    expect(formatArtifactDescriptor(parseArtifactDescriptor(JSON.stringify(reversed), 'f'))).toBe(text);
  });

  test.each([
    ['another schema', { schema: 'toolcrib.artifact.v2' }, 'schema'],
    ['a bad tool name', { tool: '../x' }, 'tool'],
    ['version 0', { version: 0 }, 'version'],
    ['half a version', { version: 1.5 }, 'version'],
    ['a target that is none', { target: 'amd64-glibc' }, 'target'],
    ['no entry point', { entrypoint: [] }, 'entrypoint'],
    ['a health check that is a text', { healthcheck: 'healthcheck' }, 'healthcheck'],
    ['no glibc floor', { glibcFloor: undefined }, 'glibcFloor'],
    ['an unknown key', { surprise: true }, 'surprise'],
  ])('with %s is refused, naming what is wrong and where', (_, change, word) => {
    const error = failureOf(() =>
      parseArtifactDescriptor(JSON.stringify({ ...valid, ...change }), 'x/toolcrib-artifact.json'),
    );
    expect(error).toBeInstanceOf(IntegrityError);
    expect(error.code).toBe('MALFORMED');
    expect(error.message).toContain('x/toolcrib-artifact.json');
    expect(error.message).toContain(word);
  });

  test('is read or refused, whatever is in it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(failureOf(() => parseArtifactDescriptor(text, 'f')).code).toBe('MALFORMED');
      }),
    );
  });
});
