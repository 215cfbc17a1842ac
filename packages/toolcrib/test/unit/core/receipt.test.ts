import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatReceipt,
  formatReceiptMarkdown,
  parseReceipt,
  RECEIPT_SCHEMA,
  type Receipt,
} from '../../../src/core/receipt.ts';
import { failureOf } from './failure.ts';

const receipt: Receipt = {
  schema: RECEIPT_SCHEMA,
  action: 'promote',
  tool: 'demo',
  version: 3,
  actor: { name: 'octocat', from: 'GITHUB_ACTOR' },
  run: 'https://github.com/o/r/actions/runs/1/attempts/1',
  source: {
    repository: 'https://github.com/o/r',
    commit: 'a'.repeat(40),
    date: '2026-01-02T03:04:05Z',
    ref: 'refs/heads/main',
  },
  files: [
    { name: 'demo-amd64-any-v3', digest: `sha256:${'0'.repeat(64)}`, size: 5, attestation: null },
    {
      name: 'demo-arm64-any-v3',
      digest: `sha256:${'1'.repeat(64)}`,
      size: 7,
      attestation: 'demo-arm64-any-v3.dsse.json',
    },
  ],
  stores: [
    { store: 's3://bucket', outcome: 'published', error: null },
    { store: 'oci://host/repository', outcome: 'failed', error: 'UNREACHABLE' },
  ],
  at: '2026-01-02T03:04:05.678Z',
};

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('`', '|', '\n', '\r', '<b>', '](x)', '\\', '\u2028'),
);
const maybe = fc.option(text);
const digest = fc.constantFrom<Receipt['files'][number]['digest']>(
  `sha256:${'0'.repeat(64)}`,
  `sha256:${'1'.repeat(64)}`,
);
const anyReceipt: fc.Arbitrary<Receipt> = fc.record({
  schema: fc.constant(RECEIPT_SCHEMA),
  action: fc.constantFrom('publish', 'promote'),
  tool: fc.constantFrom('demo', 'my-tool'),
  version: fc.integer({ min: 1 }),
  actor: fc.record({ name: maybe, from: fc.constantFrom('GITHUB_ACTOR', 'operating system') }),
  run: maybe,
  source: fc.record({ repository: maybe, commit: maybe, date: maybe, ref: maybe }),
  files: fc.array(fc.record({ name: text, digest, size: fc.nat(), attestation: maybe }), { maxLength: 4 }),
  stores: fc.array(
    fc.record({ store: text, outcome: fc.constantFrom('published', 'already-published', 'failed'), error: maybe }),
    { maxLength: 3 },
  ),
  at: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') }).map((date) => date.toISOString()),
});

describe('a receipt', () => {
  test('is one line of JSON, and reading it gives what was written', () => {
    fc.assert(
      fc.property(anyReceipt, (any) => {
        const json = formatReceipt(any);
        expect(json).toMatch(/^[^\n]+\n$/);
        const read = parseReceipt(json, 'x');
        expect(formatReceipt(read)).toBe(json);
        expect({ ...read, files: [] }).toEqual({ ...any, files: [] });
        expect(new Set(read.files)).toEqual(new Set(any.files));
      }),
    );
  });

  test('has its files sorted by name, whatever their order was', () => {
    expect(formatReceipt({ ...receipt, files: [...receipt.files].reverse() })).toBe(formatReceipt(receipt));
  });

  test.each([
    ['no JSON', '{'],
    ['of another schema', JSON.stringify({ ...receipt, schema: 'toolcrib.receipt.v2' })],
    ['with an unknown key', JSON.stringify({ ...receipt, token: 'x' })],
    ['with an unknown outcome', JSON.stringify({ ...receipt, stores: [{ store: 'x', outcome: 'ok', error: null }] })],
    ['with a digest that is none', JSON.stringify({ ...receipt, files: [{ ...receipt.files[0], digest: 'x' }] })],
    ['of version 0', JSON.stringify({ ...receipt, version: 0 })],
    ['without a time', JSON.stringify({ ...receipt, at: 'yesterday' })],
  ])('%s is none', (_, json) => {
    const failure = failureOf(() => parseReceipt(json, 'receipt.json'));
    expect(failure).toMatchObject({ code: 'MALFORMED' });
    expect(failure.message).toContain('receipt.json is not a receipt');
  });

  test('tells people the same', () => {
    expect(formatReceiptMarkdown(receipt)).toBe(
      [
        '### demo v3',
        '',
        '- promoted by `octocat` (according to GITHUB_ACTOR)',
        '- at 2026-01-02T03:04:05.678Z',
        `- commit \`${'a'.repeat(40)}\``,
        '- of `2026-01-02T03:04:05Z`',
        '- repository <https://github.com/o/r>',
        '- ref `refs/heads/main`',
        '- run <https://github.com/o/r/actions/runs/1/attempts/1>',
        '',
        '| file | bytes | digest | attestation |',
        '| --- | --- | --- | --- |',
        `| \`demo-amd64-any-v3\` | 5 | \`sha256:${'0'.repeat(64)}\` | none |`,
        `| \`demo-arm64-any-v3\` | 7 | \`sha256:${'1'.repeat(64)}\` | \`demo-arm64-any-v3.dsse.json\` |`,
        '',
        '| store | outcome |',
        '| --- | --- |',
        '| `s3://bucket` | published |',
        '| `oci://host/repository` | failed: `UNREACHABLE` |',
      ].join('\n'),
    );
  });

  test('says nothing of stores before anybody knows what became of them, and nothing of what nobody knows', () => {
    const { stores, ...draft } = receipt;
    const nobody = { ...draft, actor: { name: null, from: 'operating system' } as const, run: null };
    const markdown = formatReceiptMarkdown({
      ...nobody,
      source: { repository: null, commit: null, date: null, ref: null },
    });
    expect(stores).toHaveLength(2);
    expect(markdown).not.toContain('store');
    expect(markdown).toContain('- promoted by an unknown user\n- at 2026-01-02T03:04:05.678Z\n\n|');
  });

  test('is a list and tables for people, whatever somebody called himself, a branch or a file', () => {
    fc.assert(
      fc.property(anyReceipt, (any) => {
        const lines = formatReceiptMarkdown(any).split(/[\n\r\u2028\u2029]/);
        for (const line of lines) expect(line).toMatch(/^(?:|### [a-z-]+ v\d+|- .*|\|(?: [^|]*\|)+)$/u);
        const rows = lines.filter((line) => line.startsWith('|'));
        expect(rows).toHaveLength(any.files.length + any.stores.length + 4);
        for (const row of rows) expect([4, 6]).toContain(row.split('|').length);
        for (const line of lines) expect((line.match(/`/g) ?? []).length % 2).toBe(0);
        expect(lines.join('').replaceAll(/<https?:[^<>\s]*>/g, '')).not.toMatch(/[<>]/);
      }),
      { numRuns: 300 },
    );
  });

  test('shows no credentials of a URL', () => {
    const markdown = formatReceiptMarkdown({ ...receipt, run: 'https://me:SECRET@host/run' });
    expect(markdown).toContain('- run <https://host/run>\n');
    expect(markdown).not.toContain('SECRET');
  });
});
