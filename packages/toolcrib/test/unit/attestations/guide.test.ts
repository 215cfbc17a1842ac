import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/read-config.ts';

const guide = readFileSync(new URL('../../../../../docs/guides/attestations.md', import.meta.url), 'utf8');
const examples = [...guide.matchAll(/^```json\n([^]*?)^```$/gm)].map((match) => match[1] ?? '');

describe('docs/guides/attestations.md', () => {
  test('has examples of policies', () => expect(examples.length).toBeGreaterThanOrEqual(2));

  test.each(examples)('gives a policy that toolcrib reads: %s', (text) => {
    const project = { tool: 'my-tool', targets: ['amd64-any'], ...(JSON.parse(text) as object) };
    expect(parseConfig(JSON.stringify(project), 'guide').attestation?.require).toBe(true);
  });
});
