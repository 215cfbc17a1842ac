import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { formatPlacementName, placementAt, placementNameFrom } from '../../../src/inject/placement-name.ts';

const tools = fc.stringMatching(/^[a-z0-9]{1,6}(?:-[a-z0-9]{1,6}){0,3}$/);
const versions = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const randoms = fc.uint8Array({ minLength: 8, maxLength: 8 });

describe('the name of a placement', () => {
  test('is read back as it was made, whatever the tool is called', () => {
    fc.assert(
      fc.property(tools, versions, randoms, (tool, version, random) => {
        const name = formatPlacementName({ tool, version, digest: digestOf('artifact') }, random);
        const digest = digestOf('artifact').slice('sha256:'.length, 'sha256:'.length + 12);
        expect(placementNameFrom(name)).toEqual({ tool, version, digest, random: Buffer.from(random).toString('hex') });
        expect(placementAt(`/var/lib/toolcrib/${name}`)).toEqual(placementNameFrom(name));
        expect(placementAt(`/${name}`)).toEqual(placementNameFrom(name));
      }),
    );
  });

  test('is no text that an injection does not make', () => {
    fc.assert(fc.property(fc.string(), (text) => placementAt(text) === undefined));
    const name = formatPlacementName({ tool: 'tool', version: 1, digest: digestOf('artifact') }, Buffer.alloc(8));
    for (const path of [
      name,
      `var/${name}`,
      `//${name}`,
      `/var/../${name}`,
      `/var/./${name}`,
      `/var//${name}`,
      `/var/${name}/`,
      `/var/${name}/bin`,
      `/var/${name.toUpperCase()}`,
      `/var/${name.replace('-v1-', '-v0-')}`,
      `/var/${name.replace('tool', '-')}`,
      `/var/${name}\n`,
      `/var/\0/${name}`,
    ]) {
      expect(placementAt(path), JSON.stringify(path)).toBeUndefined();
    }
  });
});
