import { describe, expect, test } from 'vitest';
import { verifyPack } from '../../../../src/extensions/pack/verify-pack.ts';
import { failureOfAsync } from '../../core/failure.ts';
import { digestText, packBytesOf, zipBytes, type TestEntry } from './zip-bytes.ts';

const ID = 'acme.http';
const WASM = Buffer.from('\0asm\r\0\x01\0 and what a component has', 'latin1');
const describing = (content: string): TestEntry => ({ name: 'describe.json', content });
const DESCRIBED = describing('{"contributions":{"tools":[{"name":"get"}]}}');

describe('a pack that is declared or published', () => {
  test('has a component, or describes tools, or both', async () => {
    const component = { digest: digestText(WASM), asset: 'component.wasm' };
    await expect(verifyPack(packBytesOf(WASM), ID, undefined)).resolves.toMatchObject({ component });
    await expect(verifyPack(packBytesOf(WASM, [DESCRIBED]), ID, undefined)).resolves.toMatchObject({ component });
    await expect(verifyPack(zipBytes([DESCRIBED]), ID, undefined)).resolves.toEqual({ component: undefined });
  });

  test.each<readonly [string, readonly TestEntry[]]>([
    ['no entry', []],
    ['files of something else', [{ name: 'package.json', content: '{}' }]],
    ['both deeper than at its top', [{ ...DESCRIBED, name: 'http/describe.json' }, { name: 'http/component.json' }]],
  ])('is no ZIP with %s', async (_, entries) => {
    const error = await failureOfAsync(() => verifyPack(zipBytes(entries), ID, undefined));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'MALFORMED']);
    for (const said of [`"${ID}"`, 'a ZIP without component.json and without describe.json']) {
      expect(error.message).toContain(said);
    }
  });

  test.each([
    ['no JSON', 'tools'],
    ['another shape', '{"contributions":{"tools":[{"title":"get"}]}}'],
  ])('has no describe.json that is %s, with a component or without', async (_, content) => {
    for (const pack of [zipBytes([describing(content)]), packBytesOf(WASM, [describing(content)])]) {
      const error = await failureOfAsync(() => verifyPack(pack, ID, undefined));
      expect([error.name, error.code]).toEqual(['IntegrityError', 'MALFORMED']);
      expect(error.message).toContain('its describe.json is not as it should be');
    }
  });
});
