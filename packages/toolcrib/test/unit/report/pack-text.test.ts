import { expect, test } from 'vitest';
import { describePack, describePackPublication } from '../../../src/report/pack-text.ts';

const digest = `sha256:${'0a'.repeat(32)}` as const;
const forged = 'a\n  component  sha256:fake\u001b[2K';

test('what a directory says of itself makes no line of its own', () => {
  const component = { asset: forged, digest, kind: 'component' } as const;
  const entries = [forged, 'b'].map((name) => ({ name, size: 2000 }));
  const text = describePack({ path: forged, size: 5, digest, id: forged, component, entries, tools: [forged, 'b'] });
  expect(text.split('\n')).toHaveLength(9);
  expect(text).toContain('  extension  a\\x0a  component  sha256:fake\\x1b[2K\n');
  expect(text).toContain('sha256:fake\\x1b[2K, b\n');
  expect(text).toMatch(/^ {2}files {6}a\\x0a .*, 2\.0 kB\n {13}b, 2\.0 kB\n/m);
});

test('what a store says makes no line of its own', () => {
  const store = { outcome: 'failed', where: forged, source: forged, failure: { message: forged } } as const;
  const text = describePackPublication({ name: forged, version: '1', digest, stores: [store, store] });
  expect(text.split('\n')).toHaveLength(6);
});
