import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDescribe } from '../../../../src/extensions/pack/describe.ts';

const parse = (content: unknown) => parseDescribe(Buffer.from(JSON.stringify(content)), (what) => new Error(what));
const withSecrets = (...secret_requirements: readonly object[]) => ({
  contributions: { tools: [{ name: 'get', secret_requirements }] },
});

describe('describe.json', () => {
  test('says what each tool needs; what it leaves out is required and not described', () => {
    const full = { key: 'A', required: false, description: 'd', format: 'f' };
    expect(parse(withSecrets({ ...full, more: 1 }, { key: 'B' }))).toEqual([
      { name: 'get', secrets: [full, { key: 'B', required: true, description: null, format: null }] },
    ]);
  });

  test.each([
    {},
    { contributions: null },
    { contributions: {} },
    { contributions: { tools: [] }, kind: 'x', more: [1] },
  ])('may say nothing of tools: %j', (content) => expect(parse(content)).toEqual([]));

  test('says where it is not as it should be', () => {
    expect(() => parse({ contributions: { tools: [{}] } })).toThrow('contributions.tools.0.name is missing');
    expect(() => parse(withSecrets({ key: 1 }))).toThrow('contributions.tools.0.secret_requirements.0.key');
    expect(() => parse(withSecrets({ key: 'A', required: 'yes' }))).toThrow('secret_requirements.0.required');
    expect(() => parse({ contributions: { tools: {} } })).toThrow('contributions.tools');
    expect(() => parse([])).toThrow('expected object');
    expect(() => parseDescribe(Buffer.from([0xff]), (what) => new Error(`refused: ${what}`))).toThrow('refused: ');
  });

  test('that is any JSON at all is read or refused', () => {
    class Refused extends Error {}
    fc.assert(
      fc.property(fc.json(), (json) => {
        try {
          expect(Array.isArray(parseDescribe(Buffer.from(json), (what) => new Refused(what)))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(Refused);
        }
      }),
    );
  });
});
