import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  artifactNameFrom,
  formatArtifactName,
  isToolName,
  parseArtifactName,
} from '../../../src/core/artifact-name.ts';
import { artifactName, toolName } from './vocabulary.ts';
import { failureOf } from './failure.ts';

describe('an artifact name', () => {
  test.each([
    ['inspect-tool-support-amd64-v2', 'inspect-tool-support', 'amd64', 'glibc', 2, false],
    ['inspect-sandbox-tools-amd64-musl-v27', 'inspect-sandbox-tools', 'amd64', 'musl', 27, false],
    ['sandbox-tools-arm64-any-v1-dev', 'sandbox-tools', 'arm64', 'any', 1, true],
    ['emulator-amd64-arm64-v3', 'emulator-amd64', 'arm64', 'glibc', 3, false],
    ['x-amd64-musl-amd64-v1', 'x-amd64-musl', 'amd64', 'glibc', 1, false],
    ['any-v2-amd64-v3', 'any-v2', 'amd64', 'glibc', 3, false],
    ['a-dev-amd64-v1', 'a-dev', 'amd64', 'glibc', 1, false],
  ])('%s is read from the right', (text, tool, arch, libc, version, dev) => {
    expect(parseArtifactName(text)).toEqual({ tool, target: { arch, libc }, version, dev });
  });

  test('reads back as what it was written from, for every valid name', () => {
    fc.assert(
      fc.property(artifactName, (name) => {
        expect(parseArtifactName(formatArtifactName(name))).toEqual(name);
      }),
    );
  });

  test('is written back exactly as it was read, whatever the text', () => {
    const almost = fc.stringMatching(
      /^[a-zA-Z0-9_.-]{0,6}-(amd64|arm64|x86)(-musl|-any|-glibc)?-v[0-9]{1,2}(-dev|-DEV)?$/,
    );
    fc.assert(
      fc.property(fc.oneof(almost, fc.string()), (text) => {
        const name = artifactNameFrom(text);
        if (name !== undefined) expect(formatArtifactName(name)).toBe(text);
      }),
    );
  });

  test.each([
    '',
    'tool',
    'tool-v1',
    'amd64-v1',
    '-amd64-v1',
    'tool-amd64',
    'tool-amd64-v',
    'tool-amd64-v0',
    'tool-amd64-v01',
    'tool-amd64-v-1',
    'tool-amd64-v1.0',
    'tool-amd64-v9007199254740993',
    'tool-amd64-v1-dev-dev',
    'tool-amd64-v1-test',
    'tool-amd64-glibc-v1',
    'tool-x86-v1',
    'tool-AMD64-v1',
    'Tool-amd64-v1',
    'to--ol-amd64-v1',
    'to_ol-amd64-v1',
    '../tool-amd64-v1',
    'tool-amd64-v1\n',
    'tool-amd64-v1.json',
    `${'a'.repeat(101)}-amd64-v1`,
  ])('is not %j, and the message quotes it', (text) => {
    const error = failureOf(() => parseArtifactName(text));
    expect(error.code).toBe('NAME_INVALID');
    expect(error.message).toContain(JSON.stringify(text));
    expect(error.hint).toContain('{tool}-{arch}[-{libc}]-v{version}[-dev]');
  });
});

describe('a tool name', () => {
  test('is made of lower-case words joined by single dashes', () => {
    fc.assert(
      fc.property(toolName, (name) => {
        expect(isToolName(name)).toBe(true);
      }),
    );
  });

  test.each(['', '-', 'a-', '-a', 'a--b', 'A', 'ä', 'a b', 'a/b', '..', 'a\n'])('is not %j', (name) => {
    expect(isToolName(name)).toBe(false);
  });
});
