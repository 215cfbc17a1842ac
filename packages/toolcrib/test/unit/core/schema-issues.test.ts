import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { parseEnvelope } from '../../../src/attestations/dsse.ts';
import { describeIssues } from '../../../src/core/schema-issues.ts';
import '../../../src/core/schema-messages.ts';

const schema = z.strictObject({
  name: z.string(),
  list: z.array(z.strictObject({ size: z.number() })),
  more: z.string(),
});

function told(value: unknown): string {
  const { error } = schema.safeParse(value);
  return error === undefined ? '' : describeIssues(error);
}

describe('what is wrong with a document', () => {
  test('is said with its path, and of what is missing that it is', () => {
    expect(told({ list: [], more: '' })).toBe('name is missing');
    expect(told({ name: 'a', list: [{ size: '1' }], more: '' })).toBe('list.0.size: expected number, received string');
    expect(told([])).toBe('expected object, received array');
  });

  test('is at most three things', () => {
    const list = [{ size: '1' }, { size: '2' }, { size: '3' }];
    expect(told({ name: 'a', list, more: 1 })).toMatch(/^list\.0\.size: .*; and 1 more$/);
  });

  test('is one line, whatever the document holds', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string({ unit: 'binary' }), (value, key) => {
        for (const each of [value, { [key]: value }]) expect(told(each)).not.toMatch(/[\n\r]/);
      }),
    );
  });

  test('is what the reader of an attestation says', () => {
    expect(() => parseEnvelope(Buffer.from('{"payload":"","signatures":[{"sig":""}]}'), 'a.dsse.json')).toThrow(
      /^a\.dsse\.json: not a DSSE envelope: payloadType is missing$/,
    );
  });
});
