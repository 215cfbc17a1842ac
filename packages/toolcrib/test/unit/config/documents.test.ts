import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseProvenance } from '../../../src/attestations/provenance.ts';
import { parseRevocationList } from '../../../src/attestations/revocations.ts';
import { exitCodeOf, WRAPPER_FAILED } from '../../../src/cli/exit-codes.ts';
import { parseConfig } from '../../../src/config/read-config.ts';
import { configFileSchema } from '../../../src/config/schema.ts';
import { parseArtifactDescriptor } from '../../../src/core/artifact-descriptor.ts';
import { artifactNameFrom } from '../../../src/core/artifact-name.ts';
import * as errors from '../../../src/core/errors.ts';
import { parseReceipt } from '../../../src/core/receipt.ts';
import { parseReleaseManifest } from '../../../src/core/release.ts';
import { storeListingFrom } from '../../../src/core/store-listing.ts';
import { formatPackListing, type ListedPack } from '../../../src/core/stored-pack.ts';
import { parseSums } from '../../../src/core/sums.ts';
import { parsePackLock } from '../../../src/extensions/pack-lock.ts';
import { TARGET_NAMES } from '../../../src/core/target.ts';
import { effectEventSchema } from '../../../src/run/layers/effect-event.ts';
import { HIDES_NONE } from '../../../src/run/normalise/hidden-path.ts';
import { captureRecordSchema } from '../../../src/run/reports/capture-record.ts';
import { BLIND_SPOT_CODES } from '../../../src/run/reports/run-coverage.ts';

const read = (path: string) => readFileSync(new URL(`../../../../../${path}`, import.meta.url), 'utf8');
const formats = read('docs/formats.md');
const groups = (pattern: RegExp, text: string) => [...text.matchAll(pattern)].map((match) => match[1] ?? '');
const examples = groups(/^```json\n([^]*?)^```$/gm, formats);

/** Reads an example with the parser of what it says it is. */
function parseExample(text: string): unknown {
  if (text.includes('"toolcrib.artifact.v1"')) return parseArtifactDescriptor(text, 'docs/formats.md');
  if (text.includes('"toolcrib.receipt.v1"')) return parseReceipt(text, 'docs/formats.md');
  if (text.includes('"toolcrib.release.v1"')) return parseReleaseManifest(text, 'docs/formats.md');
  if (text.includes('"toolcrib.revocations.v1"')) return parseRevocationList(Buffer.from(text), 'docs/formats.md');
  if (text.includes('"https://in-toto.io/Statement/v1"')) return parseProvenance(Buffer.from(text), 'docs/formats.md');
  if (text.includes('"resolved_ref"')) return parsePackLock(text, 'docs/formats.md');
  if (text.includes('"toolcrib.extensions.v1"')) return packListingOf(text);
  if (text.includes('"toolcrib.effect.v1"')) return effectEventSchema.parse(JSON.parse(text));
  if (text.includes('"toolcrib.capture.v1"')) return captureRecordSchema.parse(JSON.parse(text));
  return storeListingFrom(text) ?? parseConfig(text, 'docs/formats.md');
}

/** Nothing reads it here: an example is what toolcrib writes, but for blanks. */
function packListingOf(text: string): unknown {
  const listing = JSON.parse(text) as { readonly extensions: readonly ListedPack[] };
  if (formatPackListing(listing.extensions) !== `${JSON.stringify(listing)}\n`)
    throw new Error('toolcrib writes another');
  return listing;
}

describe('docs/formats.md', () => {
  test('has examples of each format', () => expect(examples.length).toBeGreaterThanOrEqual(4));

  test.each(examples)('gives an example that toolcrib reads: %s', (text) => {
    expect(() => parseExample(text)).not.toThrow();
  });

  test('gives an example of a sums file that toolcrib reads', () => {
    const lines = groups(/^ {4}([0-9a-f]{64} {2}.*\n)/gm, formats);
    expect(lines.length).toBeGreaterThan(0);
    expect(parseSums(lines.join(''), 'f', { tool: 'my-tool', version: 1 }).size).toBe(lines.length);
  });

  test('tells every key of toolcrib.json, and none that is not there', () => {
    const table = formats.slice(formats.indexOf('| key '), formats.indexOf('**Build drivers.**'));
    const keys = groups(/^\| `([^`]+)` /gm, table);
    expect([...keys].sort()).toEqual(Object.keys(configFileSchema.shape).sort());
  });

  test('names every rule that hides opens, and every blind spot that a run can have', () => {
    const runs = formats.slice(formats.indexOf('## Run archives'));
    for (const name of [...Object.keys(HIDES_NONE), ...BLIND_SPOT_CODES]) expect(runs).toContain(`\`${name}\``);
  });

  test('names every target, and artifacts by names that toolcrib reads', () => {
    for (const name of TARGET_NAMES) expect(formats).toContain(`\`${name}\``);
    const names = groups(/`([a-z-]+-(?:amd|arm)64[a-z-]*-v\d+)`/g, formats);
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) expect(artifactNameFrom(name)).toBeDefined();
  });
});

describe('docs/exit-codes.md', () => {
  const documented = groups(/^\| (\d+) +\|/gm, read('docs/exit-codes.md')).map(Number);
  const thrown = [
    new errors.UsageError('USAGE', ''),
    new errors.NotFoundError('NOT_FOUND', ''),
    new errors.IntegrityError('MALFORMED', ''),
    new errors.PolicyError('ROLLBACK', ''),
    new errors.ConflictError('VERSION_TAKEN', ''),
    new errors.RemoteError('STORAGE', ''),
    new errors.SandboxError('SANDBOX_STATE', ''),
    new errors.CheckError('CHECK_FAILED', ''),
    new errors.InterruptedError(),
  ];

  test('tells the exit code of every kind of error, in order', () => {
    const kinds = Object.values(errors).filter(
      (value) => value !== errors.ToolcribError && Object.getPrototypeOf(value) === errors.ToolcribError,
    );
    expect(new Set(thrown.map((error) => error.constructor))).toEqual(new Set(kinds));
    expect(documented.slice(0, 11)).toEqual([0, exitCodeOf(new Error('bug')), ...thrown.map(exitCodeOf)]);
  });

  test('tells what run and exec add', () => {
    expect(documented.slice(11)).toEqual([WRAPPER_FAILED, 126, 127]);
  });
});
