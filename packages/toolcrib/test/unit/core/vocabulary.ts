import fc from 'fast-check';
import type { ArtifactName } from '../../../src/core/artifact-name.ts';
import { digestOf, type Digest } from '../../../src/core/digest.ts';
import { ARCHES, LIBCS, type Target } from '../../../src/core/target.ts';

/** Words that look like other parts of a name are the ones that parsers trip over. */
const word = fc.oneof(
  fc.constantFrom('amd64', 'arm64', 'musl', 'any', 'dev', 'v2', 'v', '1'),
  fc.stringMatching(/^[a-z0-9]{1,8}$/),
);

export const toolName: fc.Arbitrary<string> = fc
  .array(word, { minLength: 1, maxLength: 6 })
  .map((words) => words.join('-'));

export const target: fc.Arbitrary<Target> = fc.record({
  arch: fc.constantFrom(...ARCHES),
  libc: fc.constantFrom(...LIBCS),
});

export const version: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1, max: 99 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
);

export const artifactName: fc.Arbitrary<ArtifactName> = fc.record({
  tool: toolName,
  target,
  version,
  dev: fc.boolean(),
});

export const digest: fc.Arbitrary<Digest> = fc.uint8Array({ maxLength: 8 }).map(digestOf);
