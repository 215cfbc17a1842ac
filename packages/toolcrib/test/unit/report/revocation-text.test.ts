import { expect, test } from 'vitest';
import { describeRevocations } from '../../../src/report/revocation-text.ts';

const text = (store: string): string =>
  describeRevocations({
    tool: 'demo',
    file: '/p/demo.revoked.json',
    changed: true,
    versions: [{ version: 1, reason: 'it leaks' }],
    digests: [],
    stores: [store],
  });

test.each([
  ['file:/srv/store', 'cp /p/demo.revoked.json /srv/store/'],
  [
    's3://bucket/tools?region=eu-north-1',
    'aws s3 cp /p/demo.revoked.json s3://bucket/tools/demo.revoked.json --region',
  ],
  ['https://tools.example.org', 'put demo.revoked.json into the folder that it serves'],
  ['oci://images.example.org/tools', `"toolcrib mirror STORE 'oci://images.example.org/tools'" brings the list`],
])('how a list of revoked releases gets into %s is said', (store, words) => {
  expect(text(store)).toContain(words);
});
